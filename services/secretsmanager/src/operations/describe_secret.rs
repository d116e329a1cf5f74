use aws::Ctx;
use secretsmanager_model::{DescribeSecret, DescribeSecretOutput};

use super::{find, tags};
use crate::SecretsManager;
use crate::error::Error;

/// Everything of a secret but its values; one that is to be deleted, too. Errors: `NotFound`.
/// Source: Secrets Manager API Reference, DescribeSecret.
pub(super) async fn describe_secret(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: DescribeSecret,
) -> Result<DescribeSecretOutput, Error> {
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let secret = secretsmanager.store.read(move |tx| find(tx, &scope, &input.secret_id, now)).await?;
    let stages = secret.stages();
    Ok(DescribeSecretOutput {
        arn: Some(secret.arn()),
        last_changed_date: Some(secret.changed),
        last_accessed_date: secret.accessed,
        deleted_date: secret.deletion.map(|deletion| deletion.asked),
        tags: Some(tags::shown(&secret.tags)),
        version_ids_to_stages: Some(stages).filter(|stages| !stages.is_empty()),
        created_date: Some(secret.created),
        name: Some(secret.name),
        description: secret.description,
        ..DescribeSecretOutput::default()
    })
}
