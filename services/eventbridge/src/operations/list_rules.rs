use aws::Ctx;
use events_model::{ListRules, ListRulesOutput};
use store::Range;

use super::{find_bus, page_end, page_size, page_start};
use crate::EventBridge;
use crate::error::Error;
use crate::names::BusName;
use crate::records::Rule;

/// The rules of a bus by name. Errors: `BusNotFound`. Source: EventBridge API Reference, ListRules.
pub(super) async fn list_rules(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: ListRules,
) -> Result<ListRulesOutput, Error> {
    let (scope, bus) = (ctx.scope.clone(), BusName::own(input.event_bus_name.as_ref(), &ctx.scope)?);
    let start = page_start(ctx, input.next_token.as_ref())?;
    let prefix = input.name_prefix.unwrap_or_default();
    let range = Range::starting(Rule::on_bus(&scope, &bus), &prefix).after(start);
    let size = page_size(input.limit);
    let read = eventbridge.store.read(move |tx| {
        find_bus(tx, &scope, &bus)?;
        Ok::<_, Error>(tx.scan::<Rule>(range.clone(), size)?)
    });
    let page = read.await?;
    let next_token = page_end(ctx, page.next.clone());
    let rules = page.into_records().into_iter().map(shape).collect();
    Ok(ListRulesOutput { rules: Some(rules), next_token })
}

fn shape(rule: Rule) -> events_model::Rule {
    events_model::Rule {
        arn: Some(rule.arn()),
        name: Some(rule.name),
        event_pattern: rule.pattern,
        state: Some(rule.state.as_str().into()),
        description: rule.description,
        schedule_expression: rule.schedule,
        role_arn: rule.role_arn,
        managed_by: rule.managed_by,
        event_bus_name: Some(rule.bus),
    }
}
