//! The events of a stream, in chunks.
//!
//! Invariant: the chunks of a stream do not overlap. Each holds events in the order of time and number, and the
//! last of one stands before the first of the next. So one scan reads any page, from either end. Events that
//! come late, between those of a chunk, are merged into it.

use serde::{Deserialize, Serialize};
use store::{Key, Range, ReadTx, Record, WriteTx};
use uuid::Uuid;

use crate::error::Error;

/// A chunk is split when its messages are larger, in bytes. An event may be larger alone.
const LARGEST: usize = 32 * 1024;
const MOST_EVENTS: usize = 1000;
/// New events join the last chunk while it is smaller, in bytes: many small puts make few chunks.
const ROOM_LEFT: usize = 8 * 1024;
/// What AWS counts for an event beside its message.
pub const OVERHEAD: usize = 26;

/// An event as it is kept. The names are short, as there are many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since 1970.
    #[serde(rename = "t")]
    pub timestamp: i64,
    /// Grows from event to event of a stream, as they were put.
    #[serde(rename = "n")]
    pub number: u64,
    /// Milliseconds since 1970.
    #[serde(rename = "i")]
    pub ingested_at: i64,
    #[serde(rename = "m")]
    pub message: String,
}

/// Events of a stream, in order, at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    pub stream: Uuid,
    pub events: Vec<Event>,
}

/// The order of events in a stream.
pub type Place = (i64, u64);

impl Event {
    pub fn place(&self) -> Place {
        (self.timestamp, self.number)
    }

    /// As AWS counts.
    pub fn size(&self) -> usize {
        self.message.len() + OVERHEAD
    }
}

impl Chunk {
    pub fn all_of(stream: Uuid) -> Key {
        Key::of(stream.simple().to_string())
    }

    pub fn key_of(stream: Uuid, (timestamp, number): Place) -> Key {
        Self::all_of(stream).and_i64(timestamp).and_u64(number)
    }

    pub fn first(&self) -> Place {
        self.events.first().map(Event::place).unwrap_or_default()
    }

    pub fn last(&self) -> Place {
        self.events.last().map(Event::place).unwrap_or_default()
    }

    fn size(&self) -> usize {
        self.events.iter().map(Event::size).sum()
    }
}

impl Record for Chunk {
    const KIND: &'static str = "logs/chunk";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.stream, self.first())
    }
}

/// Adds events, which are in order and have numbers above all that the stream has.
pub fn insert(tx: &mut WriteTx<'_>, stream: Uuid, mut events: Vec<Event>) -> Result<(), Error> {
    while let Some(first) = events.first().map(Event::place) {
        let before = at_or_before(tx, stream, first)?;
        let next = after(tx, stream, first)?;
        let limit = match (&before, &next) {
            (Some(chunk), _) if chunk.last() > first => Some(chunk.last()),
            (_, Some(next)) => Some(next.first()),
            (_, None) => None,
        };
        let rest = match limit {
            Some(limit) => events.split_off(events.partition_point(|event| event.place() < limit)),
            None => Vec::new(),
        };
        let joins = before.as_ref().is_some_and(|chunk| {
            chunk.last() > first || (chunk.size() < ROOM_LEFT && chunk.events.len() < MOST_EVENTS)
        });
        let merged = match before.filter(|_| joins) {
            Some(chunk) => {
                tx.delete::<Chunk>(&chunk.key())?;
                merge(chunk.events, events)
            }
            None => events,
        };
        for events in split(merged) {
            tx.put(&Chunk { stream, events })?;
        }
        events = rest;
    }
    Ok(())
}

/// The chunk that holds a place or stands before it.
pub fn at_or_before(tx: &mut ReadTx<'_>, stream: Uuid, place: Place) -> Result<Option<Chunk>, Error> {
    let upper = Chunk::key_of(stream, (place.0, place.1.saturating_add(1)));
    let range = Range::between(Chunk::all_of(stream), upper).descending();
    Ok(tx.scan::<Chunk>(range, 1)?.into_records().into_iter().next())
}

/// The last chunk that begins before a place.
pub fn before(tx: &mut ReadTx<'_>, stream: Uuid, place: Place) -> Result<Option<Chunk>, Error> {
    let range = Range::between(Chunk::all_of(stream), Chunk::key_of(stream, place)).descending();
    Ok(tx.scan::<Chunk>(range, 1)?.into_records().into_iter().next())
}

/// The chunk that begins after a place.
pub fn after(tx: &mut ReadTx<'_>, stream: Uuid, place: Place) -> Result<Option<Chunk>, Error> {
    let range = Range::prefix(Chunk::all_of(stream)).after(Chunk::key_of(stream, place));
    Ok(tx.scan::<Chunk>(range, 1)?.into_records().into_iter().next())
}

/// The first chunk with an event at or after a place.
pub fn reaching(tx: &mut ReadTx<'_>, stream: Uuid, place: Place) -> Result<Option<Chunk>, Error> {
    match at_or_before(tx, stream, place)? {
        Some(chunk) if chunk.last() >= place => Ok(Some(chunk)),
        Some(_) | None => after(tx, stream, place),
    }
}

/// Deletes up to `limit` chunks of a stream. Answers whether some are left.
pub fn remove_some(tx: &mut WriteTx<'_>, stream: Uuid, limit: usize) -> Result<bool, Error> {
    let page = tx.scan::<Chunk>(Range::prefix(Chunk::all_of(stream)), limit)?;
    let more = page.next.is_some();
    for chunk in page.into_records() {
        tx.delete::<Chunk>(&chunk.key())?;
    }
    Ok(more)
}

/// Deletes up to `limit` chunks all of whose events are before a time. Answers how many bytes they held, as AWS
/// counts, and the time of the first event that is left (`None` when the limit was reached or nothing is left).
pub fn remove_expired(
    tx: &mut WriteTx<'_>,
    stream: Uuid,
    before: i64,
    limit: usize,
) -> Result<(u64, Option<i64>), Error> {
    let mut removed: u64 = 0;
    for chunk in tx.scan::<Chunk>(Range::prefix(Chunk::all_of(stream)), limit)?.into_records() {
        if chunk.last().0 >= before {
            return Ok((removed, Some(chunk.first().0)));
        }
        removed += u64::try_from(chunk.size()).unwrap_or_default();
        tx.delete::<Chunk>(&chunk.key())?;
    }
    Ok((removed, None))
}

/// Merges two ordered lists.
fn merge(left: Vec<Event>, right: Vec<Event>) -> Vec<Event> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if a.place() <= b.place() { left.next() } else { right.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

/// Splits an ordered list into chunks of bounded size.
fn split(events: Vec<Event>) -> Vec<Vec<Event>> {
    let mut chunks: Vec<Vec<Event>> = Vec::new();
    let mut room = 0;
    for event in events {
        let size = event.size();
        match chunks.last_mut() {
            Some(chunk) if size <= room && chunk.len() < MOST_EVENTS => {
                chunk.push(event);
                room -= size;
            }
            Some(_) | None => {
                room = LARGEST.saturating_sub(size);
                chunks.push(vec![event]);
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use store::{Config, Store};

    use super::*;

    async fn store(dir: &tempfile::TempDir) -> Store {
        Store::open(Config::Sqlite { dir: dir.path().to_owned() }).await.unwrap()
    }

    /// Puts batches of event times and answers all chunks.
    async fn chunks_of(batches: Vec<Vec<i64>>, message_size: usize) -> Vec<Chunk> {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir).await;
        let stream = Uuid::new_v4();
        let mut number = 0;
        for mut times in batches {
            times.sort_unstable();
            let mut events = Vec::new();
            for timestamp in times {
                number += 1;
                let message = format!("{number:0message_size$}");
                events.push(Event { timestamp, number, ingested_at: 0, message });
            }
            store.write(move |tx| insert(tx, stream, events.clone())).await.unwrap();
        }
        let read = store.read(move |tx| tx.scan::<Chunk>(Chunk::all_of(stream), 10_000)).await;
        read.map(store::Page::into_records).map_err(|error: store::Error| error).unwrap()
    }

    fn check(chunks: &[Chunk], expected: usize) {
        let events: Vec<Place> =
            chunks.iter().flat_map(|chunk| chunk.events.iter().map(Event::place)).collect();
        assert!(events.is_sorted(), "{events:?}");
        assert_eq!(events.len(), expected);
        for chunk in chunks {
            assert!(chunk.size() <= LARGEST || chunk.events.len() == 1);
        }
    }

    #[tokio::test]
    async fn small_puts_join_one_chunk() {
        let chunks = chunks_of(vec![vec![1, 2], vec![2, 3], vec![9]], 10).await;
        assert_eq!(chunks.len(), 1);
        check(&chunks, 5);
    }

    #[tokio::test]
    async fn late_events_find_their_place() {
        let chunks = chunks_of(vec![vec![10, 20, 30], vec![5, 15, 15, 25, 35], vec![1, 40]], 10_000).await;
        check(&chunks, 10);
        assert!(chunks.len() > 1);
    }

    #[tokio::test]
    async fn an_event_may_be_larger_than_a_chunk() {
        check(&chunks_of(vec![vec![1, 2, 3]], LARGEST).await, 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn chunks_stay_in_order_and_lose_nothing(
            batches in prop::collection::vec(prop::collection::vec(0_i64..50, 1..12), 1..8),
            message_size in prop_oneof![Just(5_usize), Just(9_000)],
        ) {
            let expected = batches.iter().map(Vec::len).sum();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            check(&runtime.block_on(chunks_of(batches, message_size)), expected);
        }
    }
}
