use aws::Ctx;
use events_model::{DeadLetterConfig, Level, LogConfig, UpdateEventBus, UpdateEventBusOutput};

use super::find_bus;
use crate::EventBridge;
use crate::error::Error;
use crate::names::BusName;

/// Errors: `BusNotFound`, `NotImplemented` as for a new bus. Source: EventBridge API Reference, UpdateEventBus.
pub(super) async fn update_event_bus(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: UpdateEventBus,
) -> Result<UpdateEventBusOutput, Error> {
    let name = BusName::own(input.name.as_ref(), &ctx.scope)?;
    check_served(
        input.kms_key_identifier.as_ref(),
        input.dead_letter_config.as_ref(),
        input.log_config.as_ref(),
    )?;
    let (scope, now, description) = (ctx.scope.clone(), ctx.now(), input.description);
    let write = eventbridge.store.write(move |tx| {
        let mut bus = find_bus(tx, &scope, &name)?;
        if description.is_some() {
            bus.description.clone_from(&description);
        }
        bus.updated = Some(now);
        tx.put(&bus)?;
        Ok::<_, Error>(bus)
    });
    let bus = write.await?;
    Ok(UpdateEventBusOutput {
        arn: Some(bus.arn()),
        name: Some(bus.name),
        description: bus.description,
        log_config: input.log_config,
        ..Default::default()
    })
}

/// What a bus may ask for that is not there is refused, not forgotten.
pub(super) fn check_served(
    kms_key: Option<&String>,
    dead_letters: Option<&DeadLetterConfig>,
    log: Option<&LogConfig>,
) -> Result<(), Error> {
    if kms_key.is_some_and(|key| !key.is_empty()) {
        return Err(Error::not_implemented("Customer managed keys of event buses are"));
    }
    if dead_letters.is_some_and(|config| config.arn.is_some()) {
        return Err(Error::not_implemented("Dead-letter queues (SQS) are"));
    }
    if log.and_then(|log| log.level.as_ref()).is_some_and(|level| *level != Level::Off) {
        return Err(Error::not_implemented("Logs of event buses are"));
    }
    Ok(())
}
