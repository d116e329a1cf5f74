//! The bytes of a chunk: numbers of variable length for each event, then all messages one behind the other,
//! compressed as one block of LZ4 and, as documents of the store are JSON, in Base64.
//!
//! What is told of an event are differences from the one before it: its time, its number, when it was taken in, and
//! the length of its message. In a batch all but the last are mostly 0. The numbers do not begin anywhere: a batch
//! is packed before the stream says which numbers it gets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use lz4_flex::block;

use super::Event;

/// No chunk unpacks to more: events of 1 MiB come alone.
const LARGEST_UNPACKED: usize = 4 * 1024 * 1024;
const SEVEN_BITS: u64 = 0x7f;

/// Why a chunk cannot be read: its bytes are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(&'static str);

/// What of an event the next one differs from.
#[derive(Clone, Copy)]
struct Before {
    timestamp: i64,
    /// That the next event has if none is left out.
    number: u64,
    ingested_at: i64,
}

impl Before {
    fn first(first: &Event) -> Self {
        Self { timestamp: first.timestamp, number: first.number, ingested_at: first.ingested_at }
    }

    fn after(event: &Event) -> Self {
        Self {
            timestamp: event.timestamp,
            number: event.number.wrapping_add(1),
            ingested_at: event.ingested_at,
        }
    }
}

/// Packs events. [`unpack`] needs the first one's time and number, and when it was taken in.
pub fn pack(events: &[Event]) -> String {
    let Some(first) = events.first() else { return String::new() };
    let length: usize = events.iter().map(|event| event.message.len() + 5).sum();
    let mut bytes = Vec::with_capacity(length + 5);
    put(&mut bytes, events.len() as u64);
    let mut before = Before::first(first);
    for event in events {
        put_signed(&mut bytes, event.timestamp.wrapping_sub(before.timestamp));
        put_signed(&mut bytes, event.number.wrapping_sub(before.number).cast_signed());
        put_signed(&mut bytes, event.ingested_at.wrapping_sub(before.ingested_at));
        put(&mut bytes, event.message.len() as u64);
        before = Before::after(event);
    }
    for event in events {
        bytes.extend_from_slice(event.message.as_bytes());
    }
    STANDARD_NO_PAD.encode(block::compress_prepend_size(&bytes))
}

/// The events that were packed; the first one has this time and number, and was taken in then.
pub fn unpack(
    packed: &str,
    (timestamp, number): super::Place,
    ingested_at: i64,
) -> Result<Vec<Event>, Unreadable> {
    let block = STANDARD_NO_PAD.decode(packed).map_err(|_| Unreadable("it is not in Base64"))?;
    let (size, _) = block::uncompressed_size(&block).map_err(|_| Unreadable("it ends early"))?;
    if size > LARGEST_UNPACKED {
        return Err(Unreadable("it is too large"));
    }
    let bytes = block::decompress_size_prepended(&block).map_err(|_| Unreadable("it is not in LZ4"))?;
    let mut rest = bytes.as_slice();
    let count = take(&mut rest)?;
    let count = usize::try_from(count).ok().filter(|count| *count <= bytes.len());
    let count = count.ok_or(Unreadable("it has fewer events than it says"))?;
    let mut events = Vec::with_capacity(count);
    let mut lengths = Vec::with_capacity(count);
    let mut before = Before { timestamp, number, ingested_at };
    for _ in 0..count {
        let event = Event {
            timestamp: before.timestamp.wrapping_add(take_signed(&mut rest)?),
            number: before.number.wrapping_add(take_signed(&mut rest)?.cast_unsigned()),
            ingested_at: before.ingested_at.wrapping_add(take_signed(&mut rest)?),
            message: String::new(),
        };
        lengths.push(usize::try_from(take(&mut rest)?).unwrap_or(usize::MAX));
        before = Before::after(&event);
        events.push(event);
    }
    for (event, length) in events.iter_mut().zip(lengths) {
        let (message, after) = rest.split_at_checked(length).ok_or(Unreadable("a message ends early"))?;
        event.message = str::from_utf8(message).map_err(|_| Unreadable("a message is not text"))?.to_owned();
        rest = after;
    }
    Ok(events)
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value > SEVEN_BITS {
        bytes.push((value & SEVEN_BITS) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Small numbers are short, whatever their sign.
fn put_signed(bytes: &mut Vec<u8>, value: i64) {
    put(bytes, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

fn take(rest: &mut &[u8]) -> Result<u64, Unreadable> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, after) = rest.split_first().ok_or(Unreadable("it ends early"))?;
        *rest = after;
        value |= (u64::from(*byte) & SEVEN_BITS) << shift;
        if *byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Unreadable("a number has no end"))
}

fn take_signed(rest: &mut &[u8]) -> Result<i64, Unreadable> {
    let value = take(rest)?;
    Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event() -> impl Strategy<Value = Event> {
        (any::<i64>(), any::<u64>(), any::<i64>(), ".{0,20}").prop_map(
            |(timestamp, number, ingested_at, message)| Event { timestamp, number, ingested_at, message },
        )
    }

    proptest! {
        #[test]
        fn events_survive(events in prop::collection::vec(event(), 1..40)) {
            let (place, ingested_at) = (events[0].place(), events[0].ingested_at);
            prop_assert_eq!(unpack(&pack(&events), place, ingested_at), Ok(events));
        }

        #[test]
        fn any_bytes_are_events_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..40) {
            let _ = unpack(&STANDARD_NO_PAD.encode(&bytes), (1, 1), 1);
            let _ = unpack(&STANDARD_NO_PAD.encode(block::compress_prepend_size(&bytes)), (1, 1), 1);
            let event = Event { timestamp: 1, number: 1, ingested_at: 1, message: "message ".repeat(9) };
            let packed = pack(&[event]);
            prop_assert!(unpack(packed.get(..at.min(packed.len() - 1)).unwrap(), (1, 1), 1).is_err());
        }
    }

    #[test]
    fn a_repetitive_batch_is_small() {
        let message = |number: u64| format!("compiling module {number} of the program\n");
        let events: Vec<Event> = (1..=500)
            .map(|number| Event { timestamp: 7, number, ingested_at: 9, message: message(number) })
            .collect();
        assert!(pack(&events).len() < 500 * 12);
    }
}
