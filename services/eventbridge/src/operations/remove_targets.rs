use aws::Ctx;
use events_model::{RemoveTargets, RemoveTargetsOutput, RemoveTargetsResultEntry};

use super::{check_not_managed, find_rule};
use crate::EventBridge;
use crate::error::Error;
use crate::names::BusName;
use crate::records::BusChanges;

/// Targets that the rule does not have are answered as failed entries.
/// Errors: `BusNotFound`, `RuleNotFound`, `ManagedRule`. Source: EventBridge API Reference, RemoveTargets.
pub(super) async fn remove_targets(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: RemoveTargets,
) -> Result<RemoveTargetsOutput, Error> {
    let (scope, bus) = (ctx.scope.clone(), BusName::own(input.event_bus_name.as_ref(), &ctx.scope)?);
    let write = eventbridge.store.write(move |tx| {
        let mut rule = find_rule(tx, &scope, &bus, &input.rule)?;
        check_not_managed(&rule, input.force)?;
        let unknown: Vec<String> = input.ids.iter().filter(|id| rule.target(id).is_none()).cloned().collect();
        rule.targets.retain(|target| !input.ids.contains(&target.id));
        tx.put(&rule)?;
        BusChanges::note(tx, &scope, &bus, &rule.name)?;
        Ok::<_, Error>(unknown)
    });
    let unknown = write.await?;
    let failed = unknown.into_iter().map(|id| RemoveTargetsResultEntry {
        error_message: Some(format!("Target {id} does not exist on the rule.")),
        error_code: Some("ResourceNotFoundException".to_owned()),
        target_id: Some(id),
    });
    let failed: Vec<_> = failed.collect();
    let failed_entry_count = i32::try_from(failed.len()).ok();
    Ok(RemoveTargetsOutput { failed_entry_count, failed_entries: Some(failed) })
}
