use std::sync::Arc;

use aws::{Access, Ctx, Event};
use events_model::{PutEvents, PutEventsOutput, PutEventsRequestEntry, PutEventsResultEntry};
use serde_json::Value;

use crate::EventBridge;
use crate::delivery::Incoming;
use crate::error::Error;
use crate::names::BusName;
use crate::records::Bus;

/// Of all entries of a call, in bytes. Source: EventBridge User Guide, "Calculating PutEvents event entry size".
const LARGEST: usize = 1024 * 1024;
/// What a time counts.
const TIME_SIZE: usize = 14;
const LONGEST_DETAIL_TYPE: usize = 128;

/// Each entry is asked for by itself, as conditions may look at its source and detail type.
pub(super) async fn access(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &PutEvents,
) -> Result<Vec<Access>, Error> {
    let names: Vec<BusName> =
        input.entries.iter().map(|entry| BusName::of(entry.event_bus_name.as_ref(), &ctx.scope)).collect();
    let read = eventbridge.store.read(move |tx| {
        let buses = names.iter().map(|name| {
            let bus = Bus::find(tx, &name.scope, &name.name)?;
            Ok::<_, store::Error>((name.arn(), bus.and_then(|bus| bus.policy())))
        });
        buses.collect::<Result<Vec<_>, _>>()
    });
    let buses = read.await?;
    let accesses = buses.into_iter().zip(&input.entries).map(|((arn, policy), entry)| {
        let mut access = Access::to(arn);
        access.resource_policy = policy.map(Arc::from);
        if let Some(source) = &entry.source {
            access = access.when("events:source", source);
        }
        if let Some(detail_type) = &entry.detail_type {
            access = access.when("events:detail-type", detail_type);
        }
        access
    });
    Ok(accesses.collect())
}

/// Puts events on buses. An entry that is refused does not keep the others back; one for a bus that does not exist
/// succeeds and is gone, as on AWS, with a line in the server's log.
/// Errors: `Validation` if all together are too large. Source: EventBridge API Reference, PutEvents.
pub(super) async fn put_events(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: PutEvents,
) -> Result<PutEventsOutput, Error> {
    if input.endpoint_id.is_some() {
        return Err(Error::not_implemented("Global endpoints are"));
    }
    if input.entries.iter().map(size).sum::<usize>() > LARGEST {
        return Err(Error::validation("Total size of the entries in the request is over the limit."));
    }
    let judged: Vec<Result<Incoming, Refusal>> =
        input.entries.iter().map(|entry| incoming(ctx, entry)).collect();
    let accepted: Vec<Incoming> = judged.iter().flatten().cloned().collect();
    if !accepted.is_empty() {
        let write = eventbridge.store.write(move |tx| {
            for incoming in &accepted {
                if Bus::find(tx, &incoming.scope, &incoming.bus)?.is_none() {
                    tracing::warn!(
                        bus = incoming.bus,
                        event = incoming.event.id,
                        "an event was put on a bus that does not exist"
                    );
                    continue;
                }
                incoming.publish(tx)?;
            }
            Ok::<_, Error>(())
        });
        write.await?;
    }
    let failed = judged.iter().filter(|entry| entry.is_err()).count();
    let entries = judged.into_iter().map(|entry| match entry {
        Ok(incoming) => PutEventsResultEntry { event_id: Some(incoming.event.id), ..Default::default() },
        Err(Refusal { code, message }) => PutEventsResultEntry {
            error_code: Some(code.to_owned()),
            error_message: Some(message),
            ..Default::default()
        },
    });
    Ok(PutEventsOutput { failed_entry_count: i32::try_from(failed).ok(), entries: Some(entries.collect()) })
}

/// Why an entry is refused.
#[derive(Debug, PartialEq)]
struct Refusal {
    code: &'static str,
    message: String,
}

fn size(entry: &PutEventsRequestEntry) -> usize {
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let resources: usize = entry.resources.iter().flatten().map(String::len).sum();
    let time = entry.time.map_or(0, |_| TIME_SIZE);
    time + length(&entry.source) + length(&entry.detail_type) + length(&entry.detail) + resources
}

fn incoming(ctx: &Ctx, entry: &PutEventsRequestEntry) -> Result<Incoming, Refusal> {
    let source = required("Source", entry.source.as_deref())?;
    let detail_type = required("DetailType", entry.detail_type.as_deref())?;
    let detail = required("Detail", entry.detail.as_deref())?;
    if detail_type.chars().count() > LONGEST_DETAIL_TYPE {
        let reason = format!("DetailType must not have more than {LONGEST_DETAIL_TYPE} characters.");
        return Err(Refusal::argument("DetailType", &reason));
    }
    if source.starts_with("aws.") {
        let message = "Not authorized for the source.".to_owned();
        return Err(Refusal { code: "NotAuthorizedForSourceException", message });
    }
    let malformed = || Refusal { code: "MalformedDetail", message: "Detail is malformed.".to_owned() };
    let detail: Value = serde_json::from_str(detail).ok().filter(Value::is_object).ok_or_else(malformed)?;
    let at = entry.time.unwrap_or_else(|| ctx.now());
    let resources = entry.resources.clone().unwrap_or_default();
    let event = Event::new(&ctx.scope, source, detail_type, at, resources, detail);
    let bus = BusName::of(entry.event_bus_name.as_ref(), &ctx.scope);
    let ingested = ctx.now();
    let (scope, bus) = (bus.scope, bus.name);
    Ok(Incoming { scope, bus, event, ingested, hops: 0, scheduled_by: None, for_rules: Vec::new() })
}

fn required<'e>(name: &str, value: Option<&'e str>) -> Result<&'e str, Refusal> {
    let reason = || Refusal::argument(name, &format!("{name} is a required argument."));
    value.filter(|value| !value.is_empty()).ok_or_else(reason)
}

impl Refusal {
    fn argument(name: &str, reason: &str) -> Self {
        let message = format!("Parameter {name} is not valid. Reason: {reason}");
        Self { code: "InvalidArgument", message }
    }
}
