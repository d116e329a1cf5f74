//! The events of a stream, in chunks.
//!
//! Invariant: the chunks of a stream do not overlap. Each holds events in the order of time and number, and the
//! last of one stands before the first of the next. So one scan reads any page, from either end. Events that
//! come late, between those of a chunk, are merged into it.

mod insertion;
mod packing;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Key, Range, ReadTx, Record, WriteTx};
use uuid::Uuid;

pub use insertion::{Prepared, insert};
pub use packing::Unreadable;

use crate::error::Error;

/// What AWS counts for an event beside its message.
pub const OVERHEAD: usize = 26;

/// An event of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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

/// Events of a stream, in order, at least one, compressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    stream: Uuid,
    first: Place,
    last: Place,
    /// When the first one was taken in, in milliseconds since 1970.
    ingested_at: i64,
    /// In bytes, as AWS counts.
    size: usize,
    events: Arc<str>,
}

/// The order of events in a stream: by time, then by number.
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

    /// `events` are in order. `None` if there are none.
    fn of(stream: Uuid, events: &[Event]) -> Option<Self> {
        let (first, last) = events.first().zip(events.last())?;
        Some(Self {
            stream,
            first: first.place(),
            last: last.place(),
            ingested_at: first.ingested_at,
            size: events.iter().map(Event::size).sum(),
            events: packing::pack(events).into(),
        })
    }

    pub fn first(&self) -> Place {
        self.first
    }

    pub fn last(&self) -> Place {
        self.last
    }

    /// In bytes, as AWS counts.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Unpacks the events.
    pub fn events(&self) -> Result<Vec<Event>, Unreadable> {
        packing::unpack(&self.events, self.first, self.ingested_at)
    }
}

impl Record for Chunk {
    const KIND: &'static str = "logs/chunk";
    const VERSION: u32 = 2;

    fn key(&self) -> Key {
        Self::key_of(self.stream, self.first)
    }

    /// Version 1 had the events as they are, in JSON. They are found under the same keys.
    fn migrate(version: u32, value: serde_json::Value) -> Result<Self, store::Error> {
        #[derive(Deserialize)]
        struct Version1 {
            stream: Uuid,
            events: Vec<Event>,
        }
        if version != 1 {
            return Err(store::Error::UnknownVersion { kind: Self::KIND, version });
        }
        let unreadable = |cause: String| store::Error::Decode {
            what: format!("a record of kind {}", Self::KIND),
            cause: cause.into(),
        };
        let old: Version1 = serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
        Self::of(old.stream, &old.events).ok_or_else(|| unreadable("it has no events".to_owned()))
    }
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
        Some(chunk) if chunk.last >= place => Ok(Some(chunk)),
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
        if chunk.last.0 >= before {
            return Ok((removed, Some(chunk.first.0)));
        }
        removed += u64::try_from(chunk.size).unwrap_or_default();
        tx.delete::<Chunk>(&chunk.key())?;
    }
    Ok((removed, None))
}

#[cfg(test)]
mod tests {
    use store::{Config, Store};

    use super::*;

    /// As version 1 was stored.
    #[derive(Serialize, Deserialize)]
    struct Version1 {
        stream: Uuid,
        events: Vec<serde_json::Value>,
    }

    impl Record for Version1 {
        const KIND: &'static str = "logs/chunk";
        const VERSION: u32 = 1;

        fn key(&self) -> Key {
            let of = |name: &str| self.events[0][name].as_i64().unwrap();
            Chunk::key_of(self.stream, (of("t"), of("n").cast_unsigned()))
        }
    }

    #[tokio::test]
    async fn chunks_of_version_1_are_read_and_added_to() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Config::Sqlite { dir: dir.path().to_owned() }).await.unwrap();
        let stream = Uuid::new_v4();
        let event =
            |t: i64, n: u64| serde_json::json!({"t": t, "n": n, "i": 70 + t, "m": format!("message {n}")});
        let old = [vec![event(1, 1), event(5, 2)], vec![event(7, 3), event(9, 5)]];
        let places = async || {
            let read = store.read(move |tx| tx.scan::<Chunk>(Chunk::all_of(stream), 10));
            let chunks = read.await.map_err(|error: store::Error| error).unwrap().into_records();
            let events: Vec<Event> = chunks.iter().flat_map(|chunk| chunk.events().unwrap()).collect();
            for event in &events {
                assert_eq!(event.message, format!("message {}", event.number));
                assert_eq!(event.ingested_at, 70 + event.timestamp);
            }
            events.iter().map(Event::place).collect::<Vec<_>>()
        };
        store
            .write(move |tx| {
                for events in old.clone() {
                    tx.put(&Version1 { stream, events })?;
                }
                Ok::<_, store::Error>(())
            })
            .await
            .unwrap();
        assert_eq!(places().await, [(1, 1), (5, 2), (7, 3), (9, 5)]);

        let message = "message 6".to_owned();
        let late = Event { timestamp: 3, number: 0, ingested_at: 73, message };
        let late = Prepared::of(&[late]);
        store.write(move |tx| insert(tx, stream, &late, 6, Some(9))).await.unwrap();
        assert_eq!(places().await, [(1, 1), (3, 6), (5, 2), (7, 3), (9, 5)]);
    }
}
