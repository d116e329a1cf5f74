use aws::{Access, Ctx};
use codestar_notifications_model::{Subscribe, SubscribeOutput, Unsubscribe, UnsubscribeOutput};

use super::{find_rule, on_rule, targets};
use crate::CodeStarNotifications;
use crate::error::Error;

pub(super) async fn access_to_subscribe(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: &Subscribe,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_rule(notifications, ctx, &input.arn).await?])
}

pub(super) async fn access_to_unsubscribe(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: &Unsubscribe,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_rule(notifications, ctx, &input.arn).await?])
}

/// Adds a target to a rule. Twice is as good as once, so the client's token needs no memory.
/// Errors: `RuleNotFound`, `Configuration`, `NotImplemented`.
/// Source: CodeStar Notifications API Reference, Subscribe.
pub(super) async fn subscribe(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: Subscribe,
) -> Result<SubscribeOutput, Error> {
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let target = targets::to_record(&input.target, &scope)?;
    let write = notifications.store.write(move |tx| {
        let mut rule = find_rule(tx, &scope, &input.arn)?;
        if rule.targets.contains(&target) {
            return Ok(rule.arn());
        }
        if rule.targets.len() >= targets::MOST {
            let message = format!("A notification rule can have {} targets at most.", targets::MOST);
            return Err(Error::Configuration(message));
        }
        rule.targets.push(target.clone());
        rule.modified = now;
        tx.put(&rule)?;
        targets::note(tx, &scope, std::slice::from_ref(&target))?;
        Ok(rule.arn())
    });
    Ok(SubscribeOutput { arn: Some(write.await?) })
}

/// Takes a target out of a rule, if it has it.
/// Errors: `Validation` for a rule that is not there, as the model has no other error for it.
/// Source: CodeStar Notifications API Reference, Unsubscribe.
pub(super) async fn unsubscribe(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: Unsubscribe,
) -> Result<UnsubscribeOutput, Error> {
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let write = notifications.store.write(move |tx| {
        let mut rule = find_rule(tx, &scope, &input.arn).map_err(|error| match error {
            Error::RuleNotFound(_) => Error::Validation(error.to_string()),
            other => other,
        })?;
        let before = rule.targets.len();
        rule.targets.retain(|target| target.address != input.target_address);
        if rule.targets.len() != before {
            rule.modified = now;
            tx.put(&rule)?;
        }
        Ok::<_, Error>(rule.arn())
    });
    Ok(UnsubscribeOutput { arn: write.await? })
}
