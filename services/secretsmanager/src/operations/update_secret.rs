use aws::Ctx;
use secretsmanager_model::{UpdateSecret, UpdateSecretOutput};

use super::{NewVersion, add_version, check_key, find_live, token_of};
use crate::error::Error;
use crate::records::CURRENT;
use crate::{Content, SecretsManager};

/// Changes the description, and adds a version that is the current one if a value is given.
/// Errors: `NotFound`, `MarkedForDeletion`, `TokenInUse`, `LimitExceeded`, `InvalidParameter`.
/// Source: Secrets Manager API Reference, UpdateSecret.
pub(super) async fn update_secret(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: UpdateSecret,
) -> Result<UpdateSecretOutput, Error> {
    check_key(input.kms_key_id.as_ref())?;
    if input.r#type.is_some_and(|kind| !kind.is_empty()) {
        return Err(Error::NotImplemented("Secrets that partners manage are"));
    }
    let at = ctx.now();
    let content = Content::given(input.secret_string, input.secret_binary)?;
    let new = content.map(|content| NewVersion {
        token: token_of(input.client_request_token),
        content,
        stages: vec![CURRENT.to_owned()],
        at,
    });
    let (scope, sealer, token) =
        (ctx.scope.clone(), secretsmanager.sealer.clone(), new.as_ref().map(|new| new.token.clone()));
    let write = secretsmanager.store.write(move |tx| {
        let mut secret = find_live(tx, &scope, &input.secret_id, at)?;
        if let Some(new) = &new {
            add_version(tx, &sealer, &mut secret, new)?;
        }
        if input.description.is_some() {
            secret.description.clone_from(&input.description);
            secret.changed = at;
        }
        tx.put(&secret)?;
        Ok::<_, Error>(secret)
    });
    let secret = write.await?;
    Ok(UpdateSecretOutput { arn: Some(secret.arn()), name: Some(secret.name), version_id: token })
}
