use aws::{Access, Ctx, Scope};
use codestar_notifications_model::{
    CREATE_NOTIFICATION_RULE, CreateNotificationRule, CreateNotificationRuleOutput, DetailType,
    NotificationRuleStatus,
};
use store::Key;

use super::{MOST_RULES, check_event_types, service_of, tags, targets};
use crate::CodeStarNotifications;
use crate::delivery;
use crate::error::Error;
use crate::records::{Detail, Rule};

pub(super) fn access(input: &CreateNotificationRule, scope: &Scope) -> Vec<Access> {
    let rules = scope.arn("codestar-notifications", "notificationrule/*");
    let access = Access::to(rules).when("codestar-notifications:NotificationsForResource", &input.resource);
    vec![access.with_request_tags(tags::pairs(input.tags.as_ref()))]
}

/// Makes a rule. The same request with the same client token is answered as the first was.
/// Errors: `NameTaken`, `Validation`, `Configuration`, `LimitExceeded`, `NotImplemented`.
/// Source: CodeStar Notifications API Reference, CreateNotificationRule.
pub(super) async fn create_notification_rule(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: CreateNotificationRule,
) -> Result<CreateNotificationRuleOutput, Error> {
    let scope = ctx.scope.clone();
    let service = service_of(&input.resource, &scope)?;
    check_event_types(&input.event_type_ids, service)?;
    let given_tags = input.tags.clone().unwrap_or_default();
    tags::check(&given_tags)?;
    let rule = Rule {
        id: hex::encode(rand::random::<[u8; 20]>()),
        scope: scope.clone(),
        name: input.name.clone(),
        resource: input.resource.clone(),
        event_type_ids: input.event_type_ids.clone(),
        targets: targets::to_records(&input.targets, &scope)?,
        detail: detail(&input.detail_type),
        enabled: input.status.as_ref().is_none_or(is_enabled),
        created_by: ctx.caller.principal.arn(),
        created: ctx.now(),
        modified: ctx.now(),
        tags: given_tags,
        request: input.client_request_token.clone().map(|token| (token, hash(input))),
    };
    let write = notifications.store.write(move |tx| {
        if let Some((token, hash)) = &rule.request
            && let Some(known) = Rule::first(tx, Rule::TOKEN, Rule::in_scope(&scope).and(token))?
        {
            let is_same = known.request.as_ref().is_some_and(|(_, known)| known == hash);
            let message = "The client request token was used before, for a request with other parameters.";
            return if is_same { Ok(known.arn()) } else { Err(Error::validation(message)) };
        }
        if Rule::first(tx, Rule::NAME, Rule::in_scope(&scope).and(&rule.name))?.is_some() {
            return Err(Error::NameTaken(rule.name.clone()));
        }
        check_limits(tx, &rule)?;
        tx.put(&rule)?;
        targets::note(tx, &scope, &rule.targets)?;
        Ok(rule.arn())
    });
    Ok(CreateNotificationRuleOutput { arn: Some(write.await?) })
}

fn check_limits(tx: &mut store::ReadTx<'_>, rule: &Rule) -> Result<(), Error> {
    let of_resource = tx.count_index::<Rule>(Rule::RESOURCE, Key::of(&rule.resource))?;
    if of_resource >= delivery::MOST_RULES as u64 {
        let message = format!("A resource can have {} notification rules at most.", delivery::MOST_RULES);
        return Err(Error::LimitExceeded(message));
    }
    if tx.count::<Rule>(Rule::in_scope(&rule.scope))? >= MOST_RULES as u64 {
        let message = format!("An account can have {MOST_RULES} notification rules in a region at most.");
        return Err(Error::LimitExceeded(message));
    }
    Ok(())
}

/// What a request asks for, apart from its token.
fn hash(input: CreateNotificationRule) -> String {
    let input = CreateNotificationRule { client_request_token: None, ..input };
    let text = aws::protocol::json::to_value(&input, &CREATE_NOTIFICATION_RULE).to_string();
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

pub(super) fn detail(detail: &DetailType) -> Detail {
    match detail {
        DetailType::Basic => Detail::Basic,
        // Other values do not pass the gateway's validation.
        DetailType::Full | DetailType::Other(_) => Detail::Full,
    }
}

pub(super) fn is_enabled(status: &NotificationRuleStatus) -> bool {
    *status != NotificationRuleStatus::Disabled
}
