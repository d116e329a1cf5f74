use aws::Ctx;
use secretsmanager_model::{RestoreSecret, RestoreSecretOutput};

use super::find;
use crate::SecretsManager;
use crate::deleted;
use crate::error::Error;

/// Takes the mark off a secret that is to be deleted. Errors: `NotFound`.
/// Source: Secrets Manager API Reference, RestoreSecret.
pub(super) async fn restore_secret(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: RestoreSecret,
) -> Result<RestoreSecretOutput, Error> {
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let write = secretsmanager.store.write(move |tx| {
        let mut secret = find(tx, &scope, &input.secret_id, now)?;
        if secret.deletion.take().is_some() {
            deleted::forget_plan(tx, &secret)?;
            tx.put(&secret)?;
        }
        Ok::<_, Error>(secret)
    });
    let secret = write.await?;
    Ok(RestoreSecretOutput { arn: Some(secret.arn()), name: Some(secret.name) })
}
