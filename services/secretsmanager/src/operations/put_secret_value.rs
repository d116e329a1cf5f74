use aws::Ctx;
use secretsmanager_model::{PutSecretValue, PutSecretValueOutput};

use super::{NewVersion, add_version, find_live, token_of};
use crate::error::Error;
use crate::records::CURRENT;
use crate::{Content, SecretsManager};

/// Adds a version, which is the current one unless the caller names other labels.
/// Errors: `NotFound`, `MarkedForDeletion`, `TokenInUse`, `LimitExceeded`, `InvalidRequest`, `InvalidParameter`.
/// Source: Secrets Manager API Reference, PutSecretValue.
pub(super) async fn put_secret_value(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: PutSecretValue,
) -> Result<PutSecretValueOutput, Error> {
    if input.rotation_token.is_some() {
        return Err(Error::NotImplemented("Rotation of secrets is"));
    }
    let content = Content::given(input.secret_string, input.secret_binary)?;
    let content =
        content.ok_or_else(|| Error::request("You must provide either SecretString or SecretBinary."))?;
    let new = NewVersion {
        token: token_of(input.client_request_token),
        content,
        stages: input.version_stages.unwrap_or_else(|| vec![CURRENT.to_owned()]),
        at: ctx.now(),
    };
    let (scope, sealer) = (ctx.scope.clone(), secretsmanager.sealer.clone());
    let token = new.token.clone();
    let write = secretsmanager.store.write(move |tx| {
        let mut secret = find_live(tx, &scope, &input.secret_id, new.at)?;
        if add_version(tx, &sealer, &mut secret, &new)? {
            tx.put(&secret)?;
        }
        Ok::<_, Error>(secret)
    });
    let secret = write.await?;
    let stages = secret.version(&token).map(|version| version.stages.iter().cloned().collect::<Vec<_>>());
    Ok(PutSecretValueOutput {
        arn: Some(secret.arn()),
        name: Some(secret.name),
        version_id: Some(token),
        version_stages: stages.filter(|stages| !stages.is_empty()),
    })
}
