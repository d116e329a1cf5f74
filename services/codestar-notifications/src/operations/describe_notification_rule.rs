use aws::{Access, Ctx};
use codestar_notifications_model::{
    DescribeNotificationRule, DescribeNotificationRuleOutput, DetailType, NotificationRuleStatus,
};

use super::{event_type, find_rule, on_rule, targets};
use crate::CodeStarNotifications;
use crate::error::Error;
use crate::records::{Detail, Target};

pub(super) async fn access(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: &DescribeNotificationRule,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_rule(notifications, ctx, &input.arn).await?])
}

/// Errors: `RuleNotFound`. Source: CodeStar Notifications API Reference, DescribeNotificationRule.
pub(super) async fn describe_notification_rule(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: DescribeNotificationRule,
) -> Result<DescribeNotificationRuleOutput, Error> {
    let scope = ctx.scope.clone();
    let read = notifications.store.read(move |tx| {
        let rule = find_rule(tx, &scope, &input.arn)?;
        let found = rule.targets.iter().map(|name| Target::find(tx, &scope, name));
        let found = found.collect::<Result<Vec<Target>, _>>()?;
        Ok::<_, Error>((rule, found))
    });
    let (rule, found) = read.await?;
    Ok(DescribeNotificationRuleOutput {
        arn: rule.arn(),
        name: Some(rule.name),
        event_types: Some(rule.event_type_ids.iter().map(|id| event_type(id)).collect()),
        resource: Some(rule.resource),
        targets: Some(found.iter().map(targets::shown).collect()),
        detail_type: Some(match rule.detail {
            Detail::Basic => DetailType::Basic,
            Detail::Full => DetailType::Full,
        }),
        created_by: Some(rule.created_by),
        status: Some(match rule.enabled {
            true => NotificationRuleStatus::Enabled,
            false => NotificationRuleStatus::Disabled,
        }),
        created_timestamp: Some(rule.created),
        last_modified_timestamp: Some(rule.modified),
        tags: Some(rule.tags),
    })
}
