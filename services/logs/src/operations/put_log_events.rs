use std::time::Duration;

use aws::{Ctx, Timestamp};
use logs_model::{InputLogEvent, PutLogEvents, PutLogEventsOutput, RejectedLogEventsInfo};
use store::WriteTx;

use crate::chunks::{self, Event, OVERHEAD};
use crate::error::Error;
use crate::records::{Group, Stream};
use crate::{Logs, service};

/// In bytes, of messages with 26 bytes each.
const LARGEST_BATCH: usize = 1_048_576;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Older events are dropped.
const OLDEST: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// Events further in the future are dropped.
const NEWEST: Duration = Duration::from_secs(2 * 60 * 60);
/// How many chunks of expired events are taken away along with a put.
const EXPIRED_AT_ONCE: usize = 4;

/// Adds events to a stream. They are durable when this returns; those too old or too new are dropped, and the
/// answer says which.
pub async fn put_log_events(
    logs: &Logs,
    ctx: &Ctx,
    input: PutLogEvents,
) -> Result<PutLogEventsOutput, Error> {
    check_batch(&input.log_events)?;
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let (next_number, rejected) = logs
        .store
        .write(move |tx| {
            let group = service::group(tx, &scope, &input.log_group_name)?;
            let mut stream = service::stream(tx, &group, &input.log_stream_name)?;
            let (accepted, rejected) = accept(&input.log_events, &group, now);
            add(tx, &mut stream, accepted, now)?;
            if let Some(before) = group.expired_before(now) {
                expire(tx, &mut stream, before)?;
            }
            tx.put(&stream)?;
            Ok::<_, Error>((stream.next_number, rejected))
        })
        .await?;
    Ok(PutLogEventsOutput {
        next_sequence_token: Some(format!("{next_number:056}")),
        rejected_log_events_info: rejected,
        rejected_entity_info: None,
    })
}

fn check_batch(events: &[InputLogEvent]) -> Result<(), Error> {
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(Error::invalid(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    let size: usize = events.iter().map(|event| event.message.len() + OVERHEAD).sum();
    if size > LARGEST_BATCH {
        return Err(Error::invalid(format!(
            "Upload too large: {size} bytes exceeds limit of {LARGEST_BATCH}"
        )));
    }
    let times = events.first().zip(events.last()).map(|(first, last)| last.timestamp - first.timestamp);
    if times.is_some_and(|span| u128::try_from(span).is_ok_and(|span| span > DAY.as_millis())) {
        return Err(Error::invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(())
}

/// The events that are kept of an ordered batch, and what is said of the others.
fn accept<'e>(
    events: &'e [InputLogEvent],
    group: &Group,
    now: Timestamp,
) -> (&'e [InputLogEvent], Option<RejectedLogEventsInfo>) {
    let before = |time: i64| events.partition_point(|event| event.timestamp < time);
    let too_old = before(now.minus(OLDEST).as_millis());
    let expired = group.expired_before(now).map_or(0, before);
    let too_new = before(now.plus(NEWEST).as_millis() + 1);
    let index = |at: usize| Some(i32::try_from(at).unwrap_or(i32::MAX));
    let rejected = RejectedLogEventsInfo {
        too_new_log_event_start_index: (too_new < events.len()).then(|| index(too_new)).flatten(),
        too_old_log_event_end_index: (too_old > 0).then(|| index(too_old)).flatten(),
        expired_log_event_end_index: (expired > 0).then(|| index(expired)).flatten(),
    };
    let accepted = events.get(too_old.max(expired)..too_new).unwrap_or_default();
    (accepted, (rejected != RejectedLogEventsInfo::default()).then_some(rejected))
}

fn add(
    tx: &mut WriteTx<'_>,
    stream: &mut Stream,
    accepted: &[InputLogEvent],
    now: Timestamp,
) -> Result<(), Error> {
    let (Some(first), Some(last)) = (accepted.first(), accepted.last()) else { return Ok(()) };
    let (first, last) = (first.timestamp, last.timestamp);
    stream.events_between = Some(match stream.events_between {
        Some((earliest, latest)) => (earliest.min(first), latest.max(last)),
        None => (first, last),
    });
    stream.last_ingested_at = Some(now);
    let mut events = Vec::with_capacity(accepted.len());
    for event in accepted {
        events.push(Event {
            timestamp: event.timestamp,
            number: stream.next_number,
            ingested_at: now.as_millis(),
            message: event.message.clone(),
        });
        stream.next_number += 1;
        stream.stored_bytes += u64::try_from(event.message.len() + OVERHEAD).unwrap_or_default();
    }
    chunks::insert(tx, stream.id, events)
}

/// Takes away some expired events. Readers do not see them from the moment they expire.
fn expire(tx: &mut WriteTx<'_>, stream: &mut Stream, before: i64) -> Result<(), Error> {
    let Some((earliest, latest)) = stream.events_between.filter(|(earliest, _)| *earliest < before) else {
        return Ok(());
    };
    let (removed, first_left) = chunks::remove_expired(tx, stream.id, before, EXPIRED_AT_ONCE)?;
    stream.stored_bytes = stream.stored_bytes.saturating_sub(removed);
    if let Some(first_left) = first_left {
        stream.events_between = Some((first_left.max(earliest), latest));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws::Scope;
    use uuid::Uuid;

    use super::*;

    const NOW: i64 = 1_704_196_800_000;
    const HOUR: i64 = 60 * 60 * 1000;

    fn events(times: &[i64]) -> Vec<InputLogEvent> {
        times.iter().map(|timestamp| InputLogEvent { timestamp: *timestamp, message: "m".into() }).collect()
    }

    fn group(retention_days: Option<i32>) -> Group {
        Group {
            scope: Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap()),
            name: "g".into(),
            id: Uuid::nil(),
            created_at: Timestamp::default(),
            retention_days,
            class: "STANDARD".into(),
            kms_key_id: None,
            tags: Default::default(),
        }
    }

    #[test]
    fn a_batch_is_in_order_and_bounded() {
        assert!(check_batch(&events(&[1, 1, 2])).is_ok());
        assert!(check_batch(&events(&[2, 1])).is_err());
        assert!(check_batch(&events(&[0, 24 * HOUR])).is_ok());
        assert!(check_batch(&events(&[0, 24 * HOUR + 1])).is_err());
        let large = InputLogEvent { timestamp: 0, message: "x".repeat(LARGEST_BATCH - OVERHEAD + 1) };
        let message = check_batch(&[large]).unwrap_err().to_string();
        assert_eq!(message, "Upload too large: 1048577 bytes exceeds limit of 1048576");
    }

    #[test]
    fn what_is_too_old_or_too_new_is_dropped() {
        let now = Timestamp::from_millis(NOW);
        let batch = events(&[NOW - 15 * 24 * HOUR, NOW - 2 * 24 * HOUR, NOW, NOW + 2 * HOUR, NOW + 3 * HOUR]);
        let (accepted, rejected) = accept(&batch, &group(None), now);
        assert_eq!(accepted.len(), 3);
        let rejected = rejected.unwrap();
        assert_eq!(rejected.too_old_log_event_end_index, Some(1));
        assert_eq!(rejected.too_new_log_event_start_index, Some(4));
        assert_eq!(rejected.expired_log_event_end_index, None);
        let (accepted, rejected) = accept(&batch, &group(Some(1)), now);
        assert_eq!(accepted.len(), 2);
        assert_eq!(rejected.unwrap().expired_log_event_end_index, Some(2));
    }

    #[test]
    fn nothing_is_said_when_all_is_kept() {
        let batch = events(&[NOW]);
        assert_eq!(accept(&batch, &group(None), Timestamp::from_millis(NOW)).1, None);
    }
}
