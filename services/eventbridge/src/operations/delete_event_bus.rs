use aws::Ctx;
use events_model::{DeleteEventBus, DeleteEventBusOutput};

use crate::EventBridge;
use crate::error::Error;
use crate::names::BusName;
use crate::records::{Bus, DEFAULT_BUS, Rule};

/// A bus that is not there is deleted already. Errors: `Validation` for the default bus and for one with rules.
/// Source: EventBridge API Reference, DeleteEventBus.
pub(super) async fn delete_event_bus(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: DeleteEventBus,
) -> Result<DeleteEventBusOutput, Error> {
    let (scope, name) = (ctx.scope.clone(), BusName::own(Some(&input.name), &ctx.scope)?);
    if name == DEFAULT_BUS {
        return Err(Error::validation("Cannot delete event bus default."));
    }
    let write = eventbridge.store.write(move |tx| {
        if !tx.scan::<Rule>(Rule::on_bus(&scope, &name), 1)?.records.is_empty() {
            let message = format!("Event bus {name} can't be deleted since it has rules.");
            return Err(Error::Validation(message));
        }
        tx.delete::<Bus>(&Bus::key_of(&scope, &name))?;
        Ok(())
    });
    write.await?;
    Ok(DeleteEventBusOutput::default())
}
