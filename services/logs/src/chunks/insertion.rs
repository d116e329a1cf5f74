//! How events become chunks.
//!
//! Most come in the order of their times. A batch of those is packed before its transaction begins ([`Prepared`]),
//! which then only stores few rows. Events that come late are merged into the chunks that are there.

use store::{Range, ReadTx, WriteTx};
use uuid::Uuid;

use super::{Chunk, Event, Place, Unreadable};
use crate::error::Error;

/// Chunks have no more, in bytes as AWS counts. An event may be larger alone. It bounds what a page of one event has
/// to unpack, what a search holds of each stream, and what an event that comes late has to pack again.
const LARGEST: usize = 64 * 1024;
/// Neighbours that have no more together become one, in bytes: many small puts make few chunks. It bounds what a
/// small put has to pack again.
const SMALL: usize = 8 * 1024;

/// Events in order that belong to no stream yet and are numbered from 0, packed.
#[derive(Clone, Debug, Default)]
pub struct Prepared(Vec<Chunk>);

impl Prepared {
    /// `events` are in order.
    pub fn of(events: &[Event]) -> Self {
        Self(chunks_of(Uuid::nil(), events).collect())
    }

    /// The times of the first event and of the last one; none if there are no events.
    pub fn between(&self) -> Option<(i64, i64)> {
        self.0.first().zip(self.0.last()).map(|(first, last)| (first.first.0, last.last.0))
    }

    pub fn count(&self) -> u64 {
        self.0.last().map_or(0, |chunk| chunk.last.1 + 1)
    }

    /// In bytes, as AWS counts.
    pub fn size(&self) -> usize {
        self.0.iter().map(Chunk::size).sum()
    }

    /// The same without the first events.
    pub fn skip(&self, count: usize) -> Result<Self, Unreadable> {
        let mut left: Vec<Event> = unpack_all(self.0.iter())?.into_iter().skip(count).collect();
        for (number, event) in (0..).zip(&mut left) {
            event.number = number;
        }
        Ok(Self::of(&left))
    }

    /// Of a stream, with the numbers that its events get.
    fn numbered(&self, stream: Uuid, number: u64) -> impl Iterator<Item = Chunk> {
        let moved = move |(timestamp, from_0): Place| (timestamp, from_0 + number);
        let in_stream = move |chunk: &Chunk| Chunk {
            stream,
            first: moved(chunk.first),
            last: moved(chunk.last),
            ..chunk.clone()
        };
        self.0.iter().map(in_stream)
    }
}

/// Adds events to a stream, numbered from `number` on, above all that it has. `latest` is no less than the time of any
/// event that the stream has; `None` if it never had any.
pub fn insert(
    tx: &mut WriteTx<'_>,
    stream: Uuid,
    prepared: &Prepared,
    number: u64,
    latest: Option<i64>,
) -> Result<(), Error> {
    let Some((first, _)) = prepared.between() else { return Ok(()) };
    let chunks: Vec<Chunk> = prepared.numbered(stream, number).collect();
    if latest.is_some_and(|latest| first < latest) {
        return merge_in(tx, stream, unpack_all(&chunks)?);
    }
    if let [chunk] = chunks.as_slice()
        && chunk.size < SMALL
        && let Some(last) = last(tx, stream)?
        && last.size + chunk.size <= SMALL
    {
        return put(tx, stream, &unpack_all([&last, chunk])?);
    }
    for chunk in chunks {
        tx.put(&chunk)?;
    }
    Ok(())
}

/// Merges ordered events into the chunks that are there.
fn merge_in(tx: &mut WriteTx<'_>, stream: Uuid, mut events: Vec<Event>) -> Result<(), Error> {
    while let Some(first) = events.first().map(Event::place) {
        let before = super::at_or_before(tx, stream, first)?;
        let next = super::after(tx, stream, first)?;
        let limit = match (&before, &next) {
            (Some(chunk), _) if chunk.last > first => Some(chunk.last),
            (_, Some(next)) => Some(next.first),
            (_, None) => None,
        };
        let rest = match limit {
            Some(limit) => events.split_off(events.partition_point(|event| event.place() < limit)),
            None => Vec::new(),
        };
        let size: usize = events.iter().map(Event::size).sum();
        let joins = |chunk: &Chunk| chunk.last > first || chunk.size + size <= SMALL;
        let merged = match before.filter(joins) {
            Some(chunk) => merge(chunk.events()?, events),
            None => events,
        };
        put(tx, stream, &merged)?;
        events = rest;
    }
    Ok(())
}

/// Stores ordered events. A chunk that has the same first event is replaced.
fn put(tx: &mut WriteTx<'_>, stream: Uuid, events: &[Event]) -> Result<(), Error> {
    for chunk in chunks_of(stream, events) {
        tx.put(&chunk)?;
    }
    Ok(())
}

fn last(tx: &mut ReadTx<'_>, stream: Uuid) -> Result<Option<Chunk>, Error> {
    let range = Range::prefix(Chunk::all_of(stream)).descending();
    Ok(tx.scan::<Chunk>(range, 1)?.into_records().into_iter().next())
}

fn unpack_all<'c>(chunks: impl IntoIterator<Item = &'c Chunk>) -> Result<Vec<Event>, Unreadable> {
    let mut events = Vec::new();
    for chunk in chunks {
        events.extend(chunk.events()?);
    }
    Ok(events)
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

fn chunks_of(stream: Uuid, events: &[Event]) -> impl Iterator<Item = Chunk> {
    parts(events).filter_map(move |part| Chunk::of(stream, part))
}

/// Parts of an ordered list that fit into chunks, about equally large: what comes late to one of them has room there.
fn parts(mut events: &[Event]) -> impl Iterator<Item = &[Event]> {
    let size: usize = events.iter().map(Event::size).sum();
    let count = if size <= LARGEST { 1 } else { size.div_ceil(LARGEST - SMALL) };
    let even = size.div_ceil(count);
    std::iter::from_fn(move || {
        let mut size = 0;
        let fit = events.iter().take_while(|event| {
            let is_first = size == 0;
            let has_room = size < even && size + event.size() <= LARGEST;
            size += event.size();
            is_first || has_room
        });
        let (part, rest) = events.split_at(fit.count());
        events = rest;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use store::{Config, Store};

    use super::*;

    /// Puts batches of event times and answers all chunks.
    async fn chunks_after(batches: Vec<Vec<i64>>, message_size: usize) -> Vec<Chunk> {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Config::Sqlite { dir: dir.path().to_owned() }).await.unwrap();
        let stream = Uuid::new_v4();
        let (mut number, mut latest) = (1, None);
        for mut times in batches {
            times.sort_unstable();
            let message = "x".repeat(message_size);
            let event =
                |(number, timestamp)| Event { timestamp, number, ingested_at: 0, message: message.clone() };
            let prepared = Prepared::of(&(0..).zip(times).map(event).collect::<Vec<_>>());
            let (count, end) = (prepared.count(), prepared.between().map(|(_, last)| last));
            store.write(move |tx| insert(tx, stream, &prepared, number, latest)).await.unwrap();
            number += count;
            latest = latest.max(end);
        }
        let read = store.read(move |tx| tx.scan::<Chunk>(Chunk::all_of(stream), 10_000)).await;
        read.map(store::Page::into_records).map_err(|error: store::Error| error).unwrap()
    }

    fn check(chunks: &[Chunk], expected: usize) {
        let mut places = Vec::new();
        for chunk in chunks {
            let events = chunk.events().unwrap();
            assert_eq!(events.first().map(Event::place), Some(chunk.first));
            assert_eq!(events.last().map(Event::place), Some(chunk.last));
            assert_eq!(events.iter().map(Event::size).sum::<usize>(), chunk.size);
            assert!(chunk.size <= LARGEST || events.len() == 1);
            places.extend(events.iter().map(Event::place));
        }
        assert!(places.is_sorted(), "{places:?}");
        let mut numbers: Vec<u64> = places.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=expected as u64).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn small_puts_join_one_chunk() {
        let chunks = chunks_after(vec![vec![1, 2], vec![2, 3], vec![9]], 10).await;
        assert_eq!(chunks.len(), 1);
        check(&chunks, 5);
        let chunks = chunks_after((0..100).map(|time| vec![time]).collect(), 1000).await;
        check(&chunks, 100);
        assert_eq!(chunks.len(), 100_usize.div_ceil(SMALL / 1026));
    }

    #[tokio::test]
    async fn a_large_put_leaves_what_is_there_alone() {
        let chunks = chunks_after(vec![vec![1], vec![2; 200]], 1000).await;
        check(&chunks, 201);
        assert_eq!(chunks[0].size, 1026);
        assert_eq!(chunks.len(), 5);
        assert!(chunks[1..].iter().all(|chunk| chunk.size > LARGEST - 2 * SMALL), "{chunks:?}");
    }

    #[tokio::test]
    async fn late_events_find_their_place() {
        let chunks = chunks_after(vec![vec![10, 20, 30], vec![5, 15, 15, 25, 35], vec![1, 40]], 30_000).await;
        check(&chunks, 10);
        assert!(chunks.len() > 1);
    }

    #[tokio::test]
    async fn an_event_may_be_larger_than_a_chunk() {
        check(&chunks_after(vec![vec![1, 2, 3], vec![2]], LARGEST).await, 4);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn chunks_stay_in_order_and_lose_nothing(
            batches in prop::collection::vec(prop::collection::vec(0_i64..50, 1..12), 1..8),
            message_size in prop_oneof![Just(5_usize), Just(1_500), Just(18_000)],
        ) {
            let expected = batches.iter().map(Vec::len).sum();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            check(&runtime.block_on(chunks_after(batches, message_size)), expected);
        }
    }
}
