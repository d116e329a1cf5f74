use std::time::Duration;

use aws::Ctx;
use secretsmanager_model::{DeleteSecret, DeleteSecretOutput};

use super::find;
use crate::SecretsManager;
use crate::deleted;
use crate::error::Error;
use crate::names;
use crate::records::Deletion;

const DAY: u64 = 24 * 60 * 60;
/// Days in which a secret can be restored, if the caller names none.
const DEFAULT_WINDOW: i64 = 30;

/// Marks a secret to be taken away when its recovery window has ended, or takes it away at once. To force the deletion
/// of a secret that is not there is no error, as AWS says.
/// Errors: `NotFound`, `MarkedForDeletion`, `InvalidParameter`. Source: Secrets Manager API Reference, DeleteSecret.
pub(super) async fn delete_secret(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: DeleteSecret,
) -> Result<DeleteSecretOutput, Error> {
    let force = input.force_delete_without_recovery == Some(true);
    if force && input.recovery_window_in_days.is_some() {
        return Err(Error::parameter(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    let window = input.recovery_window_in_days.unwrap_or(DEFAULT_WINDOW);
    let window = u64::try_from(window).ok().filter(|days| (7..=30).contains(days)).ok_or_else(|| {
        Error::parameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
    })?;
    let (scope, now, given) = (ctx.scope.clone(), ctx.now(), input.secret_id.clone());
    let due = if force { now } else { now.plus(Duration::from_secs(window * DAY)) };
    let write = secretsmanager.store.write(move |tx| {
        if force {
            let Some(secret) = names::meant(tx, &scope, &given, now)? else { return Ok(None) };
            deleted::forget_plan(tx, &secret)?;
            deleted::remove(tx, &secret)?;
            return Ok(Some(secret));
        }
        let mut secret = find(tx, &scope, &given, now)?;
        if secret.deletion.is_some() {
            return Err(Error::MarkedForDeletion);
        }
        secret.deletion = Some(Deletion { asked: now, due });
        tx.put(&secret)?;
        deleted::plan(tx, &secret)?;
        Ok(Some(secret))
    });
    let (arn, name) = match write.await? {
        Some(secret) => (Some(secret.arn()), secret.name),
        None => (None, input.secret_id),
    };
    Ok(DeleteSecretOutput { arn, name: Some(name), deletion_date: Some(due) })
}
