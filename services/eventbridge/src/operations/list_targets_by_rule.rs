use aws::Ctx;
use events_model::{ListTargetsByRule, ListTargetsByRuleOutput};
use store::Key;

use super::{find_rule, page_end, page_size, page_start, target_shape};
use crate::EventBridge;
use crate::error::Error;
use crate::names::BusName;

/// The targets of a rule by id.
/// Errors: `BusNotFound`, `RuleNotFound`. Source: EventBridge API Reference, ListTargetsByRule.
pub(super) async fn list_targets_by_rule(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: ListTargetsByRule,
) -> Result<ListTargetsByRuleOutput, Error> {
    let (scope, bus) = (ctx.scope.clone(), BusName::own(input.event_bus_name.as_ref(), &ctx.scope)?);
    let start = page_start(ctx, input.next_token.as_ref())?;
    let rule = eventbridge.store.read(move |tx| find_rule(tx, &scope, &bus, &input.rule)).await?;
    let rest =
        rule.targets.iter().filter(|target| start.as_ref().is_none_or(|start| Key::of(&target.id) > *start));
    let mut targets: Vec<_> = rest.collect();
    let size = page_size(input.limit);
    let next = targets.get(size).and_then(|_| targets.get(size - 1)).map(|last| Key::of(&last.id));
    targets.truncate(size);
    let targets = targets.into_iter().map(target_shape::of_record).collect();
    Ok(ListTargetsByRuleOutput { targets: Some(targets), next_token: page_end(ctx, next) })
}
