//! Which trails want an event, decided in the transaction that records it: so no crash parts a record from its delivery.

use aws::{Event, Scope, event};
use serde_json::Value;
use store::{Range, Record, WriteTx};

use crate::event::GLOBAL_SOURCES;
use crate::records::{Closing, Entry, Trail, Undelivered, Waiting, Way};
use crate::resource::data_type;
use crate::selector::Facts;

/// Trails of an account that log: five in each region at most.
const MOST_TRAILS: usize = 250;
/// Larger events do not go to EventBridge. Source: EventBridge User Guide, "AWS service events via CloudTrail".
const LARGEST_ANNOUNCED: usize = 256 * 1024;
pub const DETAIL_TYPE: &str = "AWS API Call via CloudTrail";

/// Who called: what a trail asks for and the record of the call does not say.
#[derive(Clone, Debug)]
pub struct Caller {
    pub arn: Option<String>,
    /// The service that called, for itself or for somebody.
    pub service: Option<String>,
}

#[derive(Clone, Copy)]
struct Call<'a> {
    entry: &'a Entry,
    caller: &'a Caller,
}

/// Hands calls of one account, region and kind to the trails that want them, and to EventBridge if any does.
/// `id` is that of the record which keeps them, or would; `callers` are those of the entries, in their order.
fn hand_over(
    tx: &mut WriteTx<'_>,
    id: &str,
    entries: &[Entry],
    callers: &[Caller],
) -> Result<(), store::Error> {
    let Some(first) = entries.first() else { return Ok(()) };
    let account = &first.scope.account;
    let logging = tx.scan_index::<Trail>(Trail::LOGGING, Trail::of_account(account), MOST_TRAILS)?;
    let mut trails = logging.into_records();
    if entries.iter().any(deletes_a_trail) {
        trails.extend(just_deleted(tx, entries)?);
    }
    if trails.is_empty() {
        return Ok(());
    }
    let calls: Vec<Call<'_>> =
        entries.iter().zip(callers).map(|(entry, caller)| Call { entry, caller }).collect();
    let mut announced = vec![false; calls.len()];
    for trail in &trails {
        let wanted: Vec<usize> = (0..calls.len()).filter(|number| wants(trail, calls[*number])).collect();
        if wanted.is_empty() {
            continue;
        }
        let bucket = undelivered(trail, Way::Bucket, id, &wanted, &calls);
        if tx.exists::<Undelivered>(&bucket.key())? {
            // It was handed over before, and nobody knew.
            continue;
        }
        for number in &wanted {
            announced[*number] = true;
        }
        tx.put(&bucket)?;
        if trail.log_group.is_some() {
            tx.put(&undelivered(trail, Way::LogGroup, id, &wanted, &calls))?;
        }
    }
    for (call, announced) in calls.iter().zip(announced) {
        if announced && !causes_a_loop(*call) {
            announce(tx, call.entry)?;
        }
    }
    Ok(())
}

fn deletes_a_trail(entry: &Entry) -> bool {
    entry.event_name == "DeleteTrail"
}

/// The trails that these calls have deleted, as they were: the call that deletes a trail is the last that it tells of.
fn just_deleted(tx: &mut WriteTx<'_>, entries: &[Entry]) -> Result<Vec<Trail>, store::Error> {
    let closing = tx.scan::<Closing>(Range::all(), MOST_TRAILS)?.into_records();
    let trails = closing.into_iter().map(|closing| closing.trail);
    let deleted = |trail: &Trail| {
        let of_trail = |entry: &Entry| deletes_a_trail(entry) && entry.resources.contains(&trail.arn());
        trail.logging && entries.iter().any(of_trail)
    };
    Ok(trails.filter(deleted).collect())
}

fn undelivered(trail: &Trail, way: Way, id: &str, wanted: &[usize], calls: &[Call<'_>]) -> Undelivered {
    let waiting = |number: &usize| {
        let entry = calls[*number].entry;
        Waiting { at: entry.at, text: entry.event.clone() }
    };
    let events: Vec<Waiting> = wanted.iter().map(waiting).collect();
    Undelivered {
        trail: trail.id,
        way,
        region: calls[0].entry.scope.region.clone(),
        at: events.iter().map(|event| event.at).max().unwrap_or_default(),
        id: id.to_owned(),
        events,
    }
}

fn wants(trail: &Trail, call: Call<'_>) -> bool {
    let entry = call.entry;
    // What delivers a trail is left out of it: it would never come to rest.
    if call.caller.service.as_deref() == Some(crate::PRINCIPAL) {
        return false;
    }
    if !is_in_time(trail, entry) {
        return false;
    }
    let is_global = GLOBAL_SOURCES.contains(&entry.event_source.as_str());
    let in_region = trail.multi_region || entry.scope.region == trail.scope.region;
    let facts = Facts {
        source: &entry.event_source,
        name: &entry.event_name,
        read_only: entry.read_only,
        data_type: data_type(&entry.event_source, &entry.event_name, &entry.resources),
        resources: &entry.resources,
        caller_arn: call.caller.arn.as_deref(),
    };
    in_region && (!is_global || trail.global_events) && trail.selectors.admit(&facts)
}

/// From the start of logging to its end; the call that ended it is the last.
fn is_in_time(trail: &Trail, entry: &Entry) -> bool {
    let since_start = trail.started.is_some_and(|started| entry.at >= started);
    let before_end = trail.logging
        || trail.stopped.is_some_and(|stopped| entry.at <= stopped)
        || (entry.event_name == "StopLogging" && entry.resources.contains(&trail.arn()));
    since_start && before_end
}

/// Calls that EventBridge makes: a rule that matches the calls of its own targets would go on for ever.
fn causes_a_loop(call: Call<'_>) -> bool {
    call.caller.service.as_deref() == Some("events.amazonaws.com")
}

/// Source: EventBridge User Guide, "AWS service events delivered via AWS CloudTrail".
fn announce(tx: &mut WriteTx<'_>, entry: &Entry) -> Result<(), store::Error> {
    if entry.event.as_str().len() > LARGEST_ANNOUNCED {
        return Ok(());
    }
    let Ok(detail) = serde_json::from_str::<Value>(entry.event.as_str()) else { return Ok(()) };
    let service = entry.event_source.split('.').next().unwrap_or(&entry.event_source);
    let scope: &Scope = &entry.scope;
    let event = Event::new(scope, &format!("aws.{service}"), DETAIL_TYPE, entry.at, Vec::new(), detail);
    tx.append(event::TOPIC, &event)
}

/// Stores a record, and hands over the calls that it keeps, with who made each: doing it again at once changes nothing.
/// Data events, which nobody looks up, are handed over and not kept: they are known for as long as they are on their way.
pub fn take_in<R: Record>(
    tx: &mut WriteTx<'_>,
    record: &R,
    id: &str,
    entries: &[Entry],
    callers: &[Caller],
) -> Result<(), store::Error> {
    if entries.iter().any(|entry| entry.is_management) {
        if tx.exists::<R>(&record.key())? {
            return Ok(());
        }
        tx.put(record)?;
    }
    hand_over(tx, id, entries, callers)
}
