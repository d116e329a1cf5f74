use aws::Ctx;
use logs_model::{GetLogEvents, GetLogEventsOutput, OutputLogEvent};
use store::ReadTx;
use uuid::Uuid;

use crate::chunks::{self, Event, Place};
use crate::error::Error;
use crate::position::{self, Position};
use crate::{Logs, service};

const MOST_EVENTS: usize = 10_000;
/// In bytes, of messages with 26 bytes each.
const LARGEST_PAGE: usize = 1_048_576;

/// Where a page begins and in which direction it is read. A place is a gap: what stands at it is after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Forward(Place),
    Backward(Place),
}

/// The times asked for, in milliseconds since 1970; the end is not included.
#[derive(Clone, Copy, Debug)]
struct Window {
    start: i64,
    end: i64,
}

/// A page of a stream's events, in order. Both tokens are always there; the end is reached when the token given
/// comes back.
pub async fn get_log_events(
    logs: &Logs,
    ctx: &Ctx,
    input: GetLogEvents,
) -> Result<GetLogEventsOutput, Error> {
    let name = service::chosen_group(input.log_group_name, input.log_group_identifier)?;
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST_EVENTS);
    let asked = Window { start: input.start_time.unwrap_or(0), end: input.end_time.unwrap_or(i64::MAX) };
    let token = input.next_token.as_deref().map(parse_token).transpose()?;
    let from_head = input.start_from_head == Some(true);
    let (scope, now, stream_name) = (ctx.scope.clone(), ctx.now(), input.log_stream_name);
    let (stream, events, from) = logs
        .store
        .read(move |tx| {
            let group = service::group(tx, &scope, &name)?;
            let stream = service::stream(tx, &group, &stream_name)?;
            let start = asked.start.max(group.expired_before(now).unwrap_or(0));
            let window = Window { start, ..asked };
            let from = match token {
                Some(from) => from,
                None if from_head => From::Forward((window.start, 0)),
                None => From::Backward((window.end, 0)),
            };
            let events = match from {
                From::Forward(place) => {
                    forward(tx, stream.id, place.max((window.start, 0)), window.end, limit)?
                }
                From::Backward(place) => {
                    backward(tx, stream.id, place.min((window.end, 0)), window.start, limit)?
                }
            };
            Ok::<_, Error>((stream, events, from))
        })
        .await?;
    let (after, before) = gaps(&events, from, asked.start);
    let tag = position::tag(stream.id);
    let text = |(timestamp, number): Place| Position { timestamp, stream: tag, number };
    Ok(GetLogEventsOutput {
        events: Some(events.into_iter().map(shown).collect()),
        next_forward_token: Some(format!("f/{}/s", text(after))),
        next_backward_token: Some(format!("b/{}/s", text(before))),
    })
}

/// The gaps after and before a page. An empty page has one: that from which it was read.
fn gaps(events: &[Event], from: From, start: i64) -> (Place, Place) {
    match (events.first(), events.last()) {
        (Some(first), Some(last)) => ((last.timestamp, last.number + 1), first.place()),
        _ => {
            let gap = match from {
                // The newest page of nothing: whatever comes is after it, from the time asked for on.
                From::Backward((_, 0)) => (start, 0),
                From::Forward(place) | From::Backward(place) => place,
            };
            (gap, gap)
        }
    }
}

fn forward(
    tx: &mut ReadTx<'_>,
    stream: Uuid,
    from: Place,
    end: i64,
    limit: usize,
) -> Result<Vec<Event>, Error> {
    let (mut events, mut size) = (Vec::new(), 0);
    let mut chunk = chunks::reaching(tx, stream, from)?;
    while let Some(read) = chunk.take() {
        for event in read.events()?.into_iter().filter(|event| event.place() >= from) {
            size += event.size();
            let is_full = events.len() == limit || (size > LARGEST_PAGE && !events.is_empty());
            if is_full || event.timestamp >= end {
                return Ok(events);
            }
            events.push(event);
        }
        chunk = chunks::after(tx, stream, read.last())?;
    }
    Ok(events)
}

fn backward(
    tx: &mut ReadTx<'_>,
    stream: Uuid,
    before: Place,
    start: i64,
    limit: usize,
) -> Result<Vec<Event>, Error> {
    let (mut events, mut size) = (Vec::new(), 0);
    let mut chunk = chunks::before(tx, stream, before)?;
    'read: while let Some(read) = chunk.take() {
        for event in read.events()?.into_iter().rev().filter(|event| event.place() < before) {
            size += event.size();
            let is_full = events.len() == limit || (size > LARGEST_PAGE && !events.is_empty());
            if is_full || event.timestamp < start {
                break 'read;
            }
            events.push(event);
        }
        chunk = chunks::before(tx, stream, read.first())?;
    }
    events.reverse();
    Ok(events)
}

fn parse_token(token: &str) -> Result<From, Error> {
    let invalid = || Error::invalid("The specified nextToken is invalid.");
    let inner = token.strip_suffix("/s").ok_or_else(invalid)?;
    let (direction, digits) = inner.split_once('/').ok_or_else(invalid)?;
    let position: Position = digits.parse().map_err(|_| invalid())?;
    let place = (position.timestamp, position.number);
    match direction {
        "f" => Ok(From::Forward(place)),
        "b" => Ok(From::Backward(place)),
        _ => Err(invalid()),
    }
}

fn shown(event: Event) -> OutputLogEvent {
    OutputLogEvent {
        timestamp: Some(event.timestamp),
        message: Some(event.message),
        ingestion_time: Some(event.ingested_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_back() {
        let digits = Position { timestamp: 7, stream: 3, number: 9 };
        assert_eq!(parse_token(&format!("f/{digits}/s")).unwrap(), From::Forward((7, 9)));
        assert_eq!(parse_token(&format!("b/{digits}/s")).unwrap(), From::Backward((7, 9)));
        for token in ["", "f/1/s", "x/1/s", &format!("f/{digits}")] {
            assert!(parse_token(token).is_err(), "{token}");
        }
    }
}
