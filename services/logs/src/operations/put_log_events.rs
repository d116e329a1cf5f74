use std::ops::Range;
use std::time::Duration;

use aws::{Ctx, LogOffset, Timestamp};
use logs_model::{InputLogEvent, PutLogEvents, PutLogEventsOutput, RejectedLogEventsInfo};
use store::WriteTx;

use crate::chunks::{self, Event, OVERHEAD, Prepared};
use crate::error::Error;
use crate::records::{Group, Source, Stream};
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
/// answer says which. What says that it is a part of a source ([`LogOffset`]) is added once.
pub async fn put_log_events(
    logs: &Logs,
    ctx: &Ctx,
    input: PutLogEvents,
) -> Result<PutLogEventsOutput, Error> {
    check_batch(&input.log_events)?;
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let (group_name, stream_name) = (input.log_group_name, input.log_stream_name);
    let offset = input.sequence_token.and_then(|token| token.parse::<LogOffset>().ok());
    let caller = ctx.caller.principal.arn();
    let batch = Batch::of(input.log_events, now);
    logs.store
        .write(move |tx| {
            let group = service::group(tx, &scope, &group_name)?;
            let mut stream = service::stream(tx, &group, &stream_name)?;
            if let Some(offset) = offset {
                let to = stream.has_up_to(&caller, offset.source);
                if to > offset.from {
                    return Ok(answer(&stream, Some(LogOffset { to, ..offset }), None));
                }
                stream.source = Some(Source { caller: caller.clone(), id: offset.source, to: offset.to });
            }
            let (accepted, rejected) = batch.accept(&group, now)?;
            add(tx, &mut stream, &accepted, now)?;
            if let Some(before) = group.expired_before(now) {
                expire(tx, &mut stream, before)?;
            }
            tx.put(&stream)?;
            Ok(answer(&stream, offset, rejected))
        })
        .await
}

fn answer(
    stream: &Stream,
    offset: Option<LogOffset>,
    rejected: Option<RejectedLogEventsInfo>,
) -> PutLogEventsOutput {
    let number = || format!("{:056}", stream.next_number);
    PutLogEventsOutput {
        next_sequence_token: Some(offset.map_or_else(number, |offset| offset.to_string())),
        rejected_log_events_info: rejected,
        rejected_entity_info: None,
    }
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

/// The events of one call, packed before its transaction: that makes others wait.
struct Batch {
    /// Of all events, in order.
    times: Vec<i64>,
    /// Which are neither too old nor too new.
    in_time: Range<usize>,
    /// Those.
    prepared: Prepared,
}

impl Batch {
    fn of(events: Vec<InputLogEvent>, now: Timestamp) -> Self {
        let times: Vec<i64> = events.iter().map(|event| event.timestamp).collect();
        let in_time = in_time(&times, now);
        let ingested_at = now.as_millis();
        let kept = events.into_iter().skip(in_time.start).take(in_time.len());
        let events: Vec<Event> = (0..)
            .zip(kept)
            .map(|(number, InputLogEvent { timestamp, message })| Event {
                timestamp,
                number,
                ingested_at,
                message,
            })
            .collect();
        Self { times, in_time, prepared: Prepared::of(&events) }
    }

    /// What a group keeps of the events, and what is said of the others.
    fn accept(
        &self,
        group: &Group,
        now: Timestamp,
    ) -> Result<(Prepared, Option<RejectedLogEventsInfo>), Error> {
        let expired = group.expired_before(now).map_or(0, |before| first_at(&self.times, before));
        let rejected = rejected(&self.times, &self.in_time, expired);
        let accepted = match expired.saturating_sub(self.in_time.start) {
            0 => self.prepared.clone(),
            some => self.prepared.skip(some)?,
        };
        Ok((accepted, rejected))
    }
}

/// The place of the first event at or after a time.
fn first_at(times: &[i64], time: i64) -> usize {
    times.partition_point(|timestamp| *timestamp < time)
}

/// Which events are neither too old nor too new, whatever the group.
fn in_time(times: &[i64], now: Timestamp) -> Range<usize> {
    let too_old = first_at(times, now.minus(OLDEST).as_millis());
    let too_new = first_at(times, now.plus(NEWEST).as_millis() + 1);
    too_old..too_new
}

/// What is said of the events that are not kept; nothing, if all are.
fn rejected(times: &[i64], in_time: &Range<usize>, expired: usize) -> Option<RejectedLogEventsInfo> {
    let index = |at: usize| Some(i32::try_from(at).unwrap_or(i32::MAX));
    let rejected = RejectedLogEventsInfo {
        too_new_log_event_start_index: (in_time.end < times.len()).then(|| index(in_time.end)).flatten(),
        too_old_log_event_end_index: (in_time.start > 0).then(|| index(in_time.start)).flatten(),
        expired_log_event_end_index: (expired > 0).then(|| index(expired)).flatten(),
    };
    (rejected != RejectedLogEventsInfo::default()).then_some(rejected)
}

fn add(tx: &mut WriteTx<'_>, stream: &mut Stream, accepted: &Prepared, now: Timestamp) -> Result<(), Error> {
    let Some((first, last)) = accepted.between() else { return Ok(()) };
    let latest = stream.events_between.map(|(_, latest)| latest);
    chunks::insert(tx, stream.id, accepted, stream.next_number, latest)?;
    stream.events_between = Some(match stream.events_between {
        Some((earliest, latest)) => (earliest.min(first), latest.max(last)),
        None => (first, last),
    });
    stream.last_ingested_at = Some(now);
    stream.next_number += accepted.count();
    stream.stored_bytes += u64::try_from(accepted.size()).unwrap_or_default();
    Ok(())
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

    /// How many events are kept, and what is said of the others.
    fn accepted(
        batch: &[InputLogEvent],
        retention_days: Option<i32>,
    ) -> (u64, Option<RejectedLogEventsInfo>) {
        let now = Timestamp::from_millis(NOW);
        let (kept, rejected) = Batch::of(batch.to_vec(), now).accept(&group(retention_days), now).unwrap();
        (kept.count(), rejected)
    }

    #[test]
    fn what_is_too_old_or_too_new_is_dropped() {
        let batch = events(&[NOW - 15 * 24 * HOUR, NOW - 2 * 24 * HOUR, NOW, NOW + 2 * HOUR, NOW + 3 * HOUR]);
        let (kept, rejected) = accepted(&batch, None);
        let rejected = rejected.unwrap();
        assert_eq!(kept, 3);
        assert_eq!(rejected.too_old_log_event_end_index, Some(1));
        assert_eq!(rejected.too_new_log_event_start_index, Some(4));
        assert_eq!(rejected.expired_log_event_end_index, None);
        let (kept, rejected) = accepted(&batch, Some(1));
        assert_eq!(kept, 2);
        assert_eq!(rejected.unwrap().expired_log_event_end_index, Some(2));
        assert_eq!(accepted(&batch[..2], Some(1)).0, 0);
        assert_eq!(accepted(&batch[4..], Some(1)).0, 0);
    }

    #[test]
    fn nothing_is_said_when_all_is_kept() {
        assert_eq!(accepted(&events(&[NOW]), None).1, None);
    }
}
