use aws::{Access, Ctx, Scope};
use events_model::{CreateEventBus, CreateEventBusOutput};

use super::{of_bus, tags, update_event_bus};
use crate::EventBridge;
use crate::error::Error;
use crate::records::Bus;

/// Of one account and region. Source: EventBridge quotas.
const MOST_BUSES: u64 = 100;

/// Tagging at creation needs the permission to tag, too.
pub(super) fn access(input: &CreateEventBus, scope: &Scope) -> Vec<Access> {
    let bus = of_bus(Some(&input.name), scope);
    tags::with_tagging(bus, input.tags.as_deref())
}

/// Errors: `BusExists`, `Validation` (name), `LimitExceeded`, `NotImplemented` for partners' buses and keys.
/// Source: EventBridge API Reference, CreateEventBus.
pub(super) async fn create_event_bus(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: CreateEventBus,
) -> Result<CreateEventBusOutput, Error> {
    if input.event_source_name.is_some() {
        return Err(Error::not_implemented("Event buses of partner event sources are"));
    }
    if input.name.contains('/') {
        return Err(Error::validation("Event bus name must not contain '/'."));
    }
    update_event_bus::check_served(input.kms_key_identifier.as_ref(), input.log_config.as_ref())?;
    let mut bus = Bus::new(&ctx.scope, &input.name);
    tags::add(&mut bus.tags, input.tags.as_deref().unwrap_or_default())?;
    bus.description = input.description;
    bus.dead_letter_arn = update_event_bus::dead_letter_arn(input.dead_letter_config.as_ref(), &ctx.scope)?;
    bus.created = Some(ctx.now());
    bus.updated = bus.created;
    let (arn, description) = (bus.arn(), bus.description.clone());
    let dead_letter_config = bus.dead_letter_config();
    let write = eventbridge.store.write(move |tx| {
        if Bus::find(tx, &bus.scope, &bus.name)?.is_some() {
            return Err(Error::BusExists(bus.name.clone()));
        }
        if tx.count::<Bus>(Bus::in_scope(&bus.scope))? >= MOST_BUSES {
            return Err(Error::LimitExceeded);
        }
        tx.put(&bus)?;
        Ok(())
    });
    write.await?;
    let log_config = input.log_config;
    Ok(CreateEventBusOutput {
        event_bus_arn: Some(arn),
        description,
        log_config,
        dead_letter_config,
        ..Default::default()
    })
}
