use aws::Ctx;
use events_model::{ListRuleNamesByTarget, ListRuleNamesByTargetOutput};
use store::Range;

use super::{find_bus, page_end, page_size, page_start};
use crate::EventBridge;
use crate::error::Error;
use crate::names::BusName;
use crate::records::Rule;

/// The rules of a bus that have a target. Errors: `BusNotFound`.
/// Source: EventBridge API Reference, ListRuleNamesByTarget.
pub(super) async fn list_rule_names_by_target(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: ListRuleNamesByTarget,
) -> Result<ListRuleNamesByTargetOutput, Error> {
    let (scope, bus) = (ctx.scope.clone(), BusName::own(input.event_bus_name.as_ref(), &ctx.scope)?);
    let start = page_start(ctx, input.next_token.as_ref())?;
    let range = Range::prefix(Rule::with_target(&scope, &bus, &input.target_arn)).after(start);
    let size = page_size(input.limit);
    let read = eventbridge.store.read(move |tx| {
        find_bus(tx, &scope, &bus)?;
        Ok::<_, Error>(tx.scan_index::<Rule>(Rule::TARGET, range.clone(), size)?)
    });
    let page = read.await?;
    let next_token = page_end(ctx, page.next.clone());
    let names = page.into_records().into_iter().map(|rule| rule.name).collect();
    Ok(ListRuleNamesByTargetOutput { rule_names: Some(names), next_token })
}
