use aws::{Access, Ctx};
use codestar_notifications_model::{UpdateNotificationRule, UpdateNotificationRuleOutput};

use super::create_notification_rule::{detail, is_enabled};
use super::{check_event_types, find_rule, on_rule, service_of, targets};
use crate::CodeStarNotifications;
use crate::error::Error;
use crate::records::Rule;

pub(super) async fn access(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: &UpdateNotificationRule,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_rule(notifications, ctx, &input.arn).await?])
}

/// Changes what is given; lists replace those that the rule has.
/// Errors: `RuleNotFound`, `Validation`, `Configuration`, `NotImplemented`.
/// Source: CodeStar Notifications API Reference, UpdateNotificationRule.
pub(super) async fn update_notification_rule(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: UpdateNotificationRule,
) -> Result<UpdateNotificationRuleOutput, Error> {
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let new_targets = input.targets.as_deref().map(|given| targets::to_records(given, &scope)).transpose()?;
    let write = notifications.store.write(move |tx| {
        let mut rule = find_rule(tx, &scope, &input.arn)?;
        if let Some(name) = input.name.as_ref().filter(|name| **name != rule.name) {
            if Rule::first(tx, Rule::NAME, Rule::in_scope(&scope).and(name))?.is_some() {
                return Err(Error::Validation(Error::NameTaken(name.clone()).to_string()));
            }
            rule.name.clone_from(name);
        }
        if let Some(ids) = &input.event_type_ids {
            check_event_types(ids, service_of(&rule.resource, &scope)?)?;
            rule.event_type_ids.clone_from(ids);
        }
        if let Some(new_targets) = &new_targets {
            rule.targets.clone_from(new_targets);
            targets::note(tx, &scope, new_targets)?;
        }
        if let Some(given) = &input.detail_type {
            rule.detail = detail(given);
        }
        if let Some(status) = &input.status {
            rule.enabled = is_enabled(status);
        }
        rule.modified = now;
        tx.put(&rule)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(UpdateNotificationRuleOutput::default())
}
