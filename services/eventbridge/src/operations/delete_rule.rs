use aws::Ctx;
use events_model::{DeleteRule, DeleteRuleOutput};

use super::{check_not_managed, find_bus};
use crate::EventBridge;
use crate::delivery::timers;
use crate::error::Error;
use crate::names::BusName;
use crate::records::{BusChanges, Rule};

/// A rule that is not there is deleted already.
/// Errors: `BusNotFound`, `ManagedRule`, `Validation` for a rule with targets.
/// Source: EventBridge API Reference, DeleteRule.
pub(super) async fn delete_rule(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: DeleteRule,
) -> Result<DeleteRuleOutput, Error> {
    let (scope, bus) = (ctx.scope.clone(), BusName::own(input.event_bus_name.as_ref(), &ctx.scope)?);
    let write = eventbridge.store.write(move |tx| {
        find_bus(tx, &scope, &bus)?;
        let key = Rule::key_of(&scope, &bus, &input.name);
        let Some(rule) = tx.get::<Rule>(&key)? else { return Ok(()) };
        check_not_managed(&rule, input.force)?;
        if !rule.targets.is_empty() {
            return Err(Error::validation("Rule can't be deleted since it has targets."));
        }
        tx.delete::<Rule>(&key)?;
        BusChanges::note(tx, &scope, &bus, &input.name)?;
        timers::clear(tx, &rule)?;
        Ok(())
    });
    write.await?;
    Ok(DeleteRuleOutput::default())
}
