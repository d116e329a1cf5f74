use aws::{Access, Ctx};
use codestar_notifications_model::{DeleteNotificationRule, DeleteNotificationRuleOutput};

use super::{id_of, on_rule};
use crate::CodeStarNotifications;
use crate::error::Error;
use crate::records::Rule;

pub(super) async fn access(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: &DeleteNotificationRule,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_rule(notifications, ctx, &input.arn).await?])
}

/// One that is not there is deleted already. Its targets stay known until they are deleted themselves.
/// Errors: `Validation` for a rule of another account or region.
/// Source: CodeStar Notifications API Reference, DeleteNotificationRule.
pub(super) async fn delete_notification_rule(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: DeleteNotificationRule,
) -> Result<DeleteNotificationRuleOutput, Error> {
    let foreign =
        || Error::Validation(format!("{} is no notification rule of this account and region.", input.arn));
    let id = id_of(&input.arn, &ctx.scope).ok_or_else(foreign)?;
    let key = Rule::key_of(&ctx.scope, &id);
    notifications.store.write(move |tx| tx.delete::<Rule>(&key)).await?;
    Ok(DeleteNotificationRuleOutput { arn: Some(input.arn) })
}
