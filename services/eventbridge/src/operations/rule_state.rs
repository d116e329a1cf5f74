use aws::Ctx;
use events_model::{DisableRule, DisableRuleOutput, EnableRule, EnableRuleOutput};

use super::{check_not_managed, find_rule};
use crate::EventBridge;
use crate::delivery::timers;
use crate::error::Error;
use crate::names::BusName;
use crate::records::{BusChanges, State};

/// Errors: `BusNotFound`, `RuleNotFound`, `ManagedRule`. Source: EventBridge API Reference, EnableRule.
pub(super) async fn enable_rule(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: EnableRule,
) -> Result<EnableRuleOutput, Error> {
    set(eventbridge, ctx, input.event_bus_name.as_ref(), input.name, State::Enabled).await?;
    Ok(EnableRuleOutput::default())
}

/// Errors: as `enable_rule`. Source: EventBridge API Reference, DisableRule.
pub(super) async fn disable_rule(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: DisableRule,
) -> Result<DisableRuleOutput, Error> {
    set(eventbridge, ctx, input.event_bus_name.as_ref(), input.name, State::Disabled).await?;
    Ok(DisableRuleOutput::default())
}

async fn set(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    bus: Option<&String>,
    name: String,
    state: State,
) -> Result<(), Error> {
    let (scope, bus, now) = (ctx.scope.clone(), BusName::own(bus, &ctx.scope)?, ctx.now());
    let write = eventbridge.store.write(move |tx| {
        let mut rule = find_rule(tx, &scope, &bus, &name)?;
        check_not_managed(&rule, None)?;
        if rule.state.is_enabled() == state.is_enabled() {
            return Ok(());
        }
        rule.state = state;
        rule.updated = now;
        rule.anchor = now;
        tx.put(&rule)?;
        BusChanges::note(tx, &scope, &bus, &name)?;
        timers::set(tx, &rule, now)?;
        Ok(())
    });
    write.await
}
