use aws::Ctx;
use secretsmanager_model::{UpdateSecretVersionStage, UpdateSecretVersionStageOutput};

use super::find_live;
use crate::SecretsManager;
use crate::error::Error;
use crate::records::{CURRENT, Secret};

/// Moves a label from one version to another, puts it on one, or takes it off.
/// Errors: `NotFound`, `NoSuchVersion`, `MarkedForDeletion`, `InvalidParameter`, `LimitExceeded`.
/// Source: Secrets Manager API Reference, UpdateSecretVersionStage.
pub(super) async fn update_secret_version_stage(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: UpdateSecretVersionStage,
) -> Result<UpdateSecretVersionStageOutput, Error> {
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let write = secretsmanager.store.write(move |tx| {
        let mut secret = find_live(tx, &scope, &input.secret_id, now)?;
        let (from, to) = (input.remove_from_version_id.as_deref(), input.move_to_version_id.as_deref());
        change(&mut secret, &input.version_stage, from, to)?;
        secret.changed = now;
        tx.put(&secret)?;
        Ok::<_, Error>(secret)
    });
    let secret = write.await?;
    Ok(UpdateSecretVersionStageOutput { arn: Some(secret.arn()), name: Some(secret.name) })
}

fn change(secret: &mut Secret, stage: &str, from: Option<&str>, to: Option<&str>) -> Result<(), Error> {
    for id in [from, to].into_iter().flatten() {
        if secret.version(id).is_none() {
            return Err(Error::NoSuchVersion(format!("VersionId: {id}")));
        }
    }
    let holder = secret.version_at(stage).map(|version| version.id.clone());
    match (from, to) {
        (None, None) => {
            Err(Error::parameter("You must specify RemoveFromVersionId, MoveToVersionId or both."))
        }
        (Some(from), _) if holder.as_deref() != Some(from) => {
            Err(Error::parameter(format!("The staging label {stage} is not attached to version {from}.")))
        }
        (Some(_), None) if stage == CURRENT => Err(Error::parameter(format!(
            "You can only move staging label {CURRENT} to a different secret version. It can't be completely removed."
        ))),
        (Some(_), None) => {
            secret.take_off(stage);
            Ok(())
        }
        (None, Some(to)) => match holder.filter(|holder| holder != to) {
            Some(holder) => Err(Error::parameter(format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to \
                 version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            ))),
            None => secret.move_stage(stage, to),
        },
        (Some(_), Some(to)) => secret.move_stage(stage, to),
    }
}
