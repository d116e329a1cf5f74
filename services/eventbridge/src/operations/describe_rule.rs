use aws::Ctx;
use events_model::{DescribeRule, DescribeRuleOutput};

use super::find_rule;
use crate::EventBridge;
use crate::error::Error;
use crate::names::BusName;

/// Errors: `BusNotFound`, `RuleNotFound`. Source: EventBridge API Reference, DescribeRule.
pub(super) async fn describe_rule(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: DescribeRule,
) -> Result<DescribeRuleOutput, Error> {
    let (scope, bus) = (ctx.scope.clone(), BusName::own(input.event_bus_name.as_ref(), &ctx.scope)?);
    let rule = eventbridge.store.read(move |tx| find_rule(tx, &scope, &bus, &input.name)).await?;
    Ok(DescribeRuleOutput {
        arn: Some(rule.arn()),
        created_by: Some(rule.scope.account.to_string()),
        name: Some(rule.name),
        event_pattern: rule.pattern,
        schedule_expression: rule.schedule,
        state: Some(rule.state.as_str().into()),
        description: rule.description,
        role_arn: rule.role_arn,
        managed_by: rule.managed_by,
        event_bus_name: Some(rule.bus),
    })
}
