use aws::Ctx;
use events_model::{EventBus, ListEventBuses, ListEventBusesOutput};
use store::Range;

use super::{page_end, page_size, page_start};
use crate::EventBridge;
use crate::error::Error;
use crate::records::{Bus, DEFAULT_BUS};

/// The buses of the account and region: the default one first, the others by name.
/// Source: EventBridge API Reference, ListEventBuses.
pub(super) async fn list_event_buses(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: ListEventBuses,
) -> Result<ListEventBusesOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let prefix = input.name_prefix.unwrap_or_default();
    let size = page_size(input.limit);
    let is_first = start.is_none() && DEFAULT_BUS.starts_with(&prefix);
    // The default bus takes a place of the first page, whether or not there is a record of it.
    let others = size.saturating_sub(usize::from(is_first));
    let range = Range::starting(Bus::in_scope(&ctx.scope), &prefix).after(start);
    let scope = ctx.scope.clone();
    let read = eventbridge.store.read(move |tx| {
        let page = tx.scan::<Bus>(range.clone(), others)?;
        let next = page.next.clone();
        let mut buses = page.into_records();
        buses.retain(|bus| bus.name != DEFAULT_BUS);
        if is_first && let Some(default) = Bus::find(tx, &scope, DEFAULT_BUS)? {
            buses.insert(0, default);
        }
        Ok::<_, Error>((buses, next))
    });
    let (buses, next) = read.await?;
    let buses = buses.into_iter().map(|bus| EventBus {
        arn: Some(bus.arn()),
        policy: bus.policy(),
        name: Some(bus.name),
        description: bus.description,
        creation_time: bus.created,
        last_modified_time: bus.updated,
    });
    Ok(ListEventBusesOutput { event_buses: Some(buses.collect()), next_token: page_end(ctx, next) })
}
