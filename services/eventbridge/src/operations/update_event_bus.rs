use aws::{Ctx, Scope};
use events_model::{DeadLetterConfig, Level, LogConfig, UpdateEventBus, UpdateEventBusOutput};

use super::{find_bus, target_shape};
use crate::EventBridge;
use crate::error::Error;
use crate::names::BusName;

/// Errors: `BusNotFound`, `Validation`, `NotImplemented` as for a new bus. Source: EventBridge API Reference, UpdateEventBus.
pub(super) async fn update_event_bus(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: UpdateEventBus,
) -> Result<UpdateEventBusOutput, Error> {
    let name = BusName::own(input.name.as_ref(), &ctx.scope)?;
    check_served(input.kms_key_identifier.as_ref(), input.log_config.as_ref())?;
    let dead_letters = dead_letter_arn(input.dead_letter_config.as_ref(), &ctx.scope)?;
    let sets_dead_letters = input.dead_letter_config.is_some();
    let (scope, now, description) = (ctx.scope.clone(), ctx.now(), input.description);
    let write = eventbridge.store.write(move |tx| {
        let mut bus = find_bus(tx, &scope, &name)?;
        if description.is_some() {
            bus.description.clone_from(&description);
        }
        if sets_dead_letters {
            bus.dead_letter_arn.clone_from(&dead_letters);
        }
        bus.updated = Some(now);
        tx.put(&bus)?;
        Ok::<_, Error>(bus)
    });
    let bus = write.await?;
    Ok(UpdateEventBusOutput {
        arn: Some(bus.arn()),
        dead_letter_config: bus.dead_letter_config(),
        name: Some(bus.name),
        description: bus.description,
        log_config: input.log_config,
        ..Default::default()
    })
}

/// The queue gets events that the bus cannot decrypt with a customer's key. There are no such keys here, so none comes; but
/// whoever describes a bus with its queue gets one.
pub(super) fn dead_letter_arn(
    config: Option<&DeadLetterConfig>,
    scope: &Scope,
) -> Result<Option<String>, Error> {
    let Some(arn) = config.and_then(|config| config.arn.as_ref()) else { return Ok(None) };
    match target_shape::is_dead_letter_queue(arn, scope) {
        true => Ok(Some(arn.clone())),
        false => Err(Error::validation(
            "DeadLetterConfig must name a standard queue of Amazon SQS in the account and region of the event bus.",
        )),
    }
}

/// What a bus may ask for that is not there is refused, not forgotten.
pub(super) fn check_served(kms_key: Option<&String>, log: Option<&LogConfig>) -> Result<(), Error> {
    if kms_key.is_some_and(|key| !key.is_empty()) {
        return Err(Error::not_implemented("Customer managed keys of event buses are"));
    }
    if log.and_then(|log| log.level.as_ref()).is_some_and(|level| *level != Level::Off) {
        return Err(Error::not_implemented("Logs of event buses are"));
    }
    Ok(())
}
