use aws::Ctx;
use codestar_notifications_model::{
    ListNotificationRules, ListNotificationRulesFilter, ListNotificationRulesFilterName,
    ListNotificationRulesOutput, NotificationRuleSummary,
};

use super::{MOST_RULES, page};
use crate::CodeStarNotifications;
use crate::error::Error;
use crate::records::Rule;

/// The rules of the account and region. Filters of one name are alternatives, those of different names all hold.
/// Errors: `InvalidNextToken`. Source: CodeStar Notifications API Reference, ListNotificationRules.
pub(super) async fn list_notification_rules(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: ListNotificationRules,
) -> Result<ListNotificationRulesOutput, Error> {
    let scope = ctx.scope.clone();
    let read = notifications.store.read(move |tx| tx.scan::<Rule>(Rule::in_scope(&scope), MOST_RULES));
    let mut rules = read.await?.into_records();
    let filters = input.filters.unwrap_or_default();
    rules.retain(|rule| is_wanted(rule, &filters));
    let (rules, next_token) = page(ctx, rules, input.next_token.as_ref(), input.max_results)?;
    let shown = rules.into_iter().map(|rule| {
        let arn = Some(rule.arn());
        NotificationRuleSummary { id: Some(rule.id), arn }
    });
    Ok(ListNotificationRulesOutput { notification_rules: Some(shown.collect()), next_token })
}

fn is_wanted(rule: &Rule, filters: &[ListNotificationRulesFilter]) -> bool {
    let has = |filter: &ListNotificationRulesFilter| match filter.name {
        ListNotificationRulesFilterName::EventTypeId => rule.event_type_ids.contains(&filter.value),
        ListNotificationRulesFilterName::CreatedBy => rule.created_by == filter.value,
        ListNotificationRulesFilterName::Resource => rule.resource == filter.value,
        ListNotificationRulesFilterName::TargetAddress => {
            rule.targets.iter().any(|target| target.address == filter.value)
        }
        // Other values do not pass the gateway's validation.
        ListNotificationRulesFilterName::Other(_) => false,
    };
    filters.iter().all(|filter| {
        let mut alternatives = filters.iter().filter(|other| other.name == filter.name);
        alternatives.any(has)
    })
}
