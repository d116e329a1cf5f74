//! Searching the streams of a group: a merge of their events by time.
//!
//! A stream is opened only when the merge comes to its first event, and holds one chunk at a time: memory grows
//! with the streams that are active at the same time, not with those of the group.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use store::{Range, ReadTx};

use crate::chunks::{self, Event, Place};
use crate::error::Error;
use crate::filter::Pattern;
use crate::position::{self, Position};
use crate::records::{Group, Stream};
use crate::service;

/// In bytes, of messages with 26 bytes each.
const LARGEST_PAGE: usize = 1_048_576;
/// How many bytes one call searches; a page may be empty, and the next one goes on.
const MOST_SEARCHED: usize = 16 * 1024 * 1024;
/// How many streams are read at once while looking for those that match.
const READ_AT_ONCE: usize = 500;

/// What is searched for.
pub struct Search {
    pub streams: Streams,
    /// In milliseconds since 1970, included.
    pub start: i64,
    /// Not included.
    pub end: i64,
    pub pattern: Pattern,
    pub limit: usize,
    /// The search goes on after this event.
    pub after: Option<Position>,
}

/// Which streams are searched.
pub enum Streams {
    Named(Vec<String>),
    /// Those whose names begin so; all, when it is empty.
    Prefix(String),
}

/// A page of events that match.
#[derive(Default)]
pub struct Found {
    /// In the order of their positions.
    pub events: Vec<(Position, String, Event)>,
    /// Where the search goes on; `None` at the end.
    pub next: Option<Position>,
}

/// One stream of the merge.
struct Cursor {
    stream: Stream,
    tag: u64,
    /// Events before this place were read.
    from: Place,
    read: VecDeque<Event>,
}

impl Search {
    /// Searches a group, up to the limits of a page.
    pub fn run(&self, tx: &mut ReadTx<'_>, group: &Group) -> Result<Found, Error> {
        let mut cursors = self.cursors(tx, group)?;
        let mut heap: BinaryHeap<Reverse<(Position, usize)>> = BinaryHeap::new();
        for (index, cursor) in cursors.iter().enumerate() {
            let lower = cursor.stream.events_between.map_or(0, |(first, _)| first).max(cursor.from.0);
            heap.push(Reverse((Position { timestamp: lower, stream: 0, number: 0 }, index)));
        }
        let (mut found, mut size, mut searched) = (Found::default(), 0, 0);
        while let Some(Reverse((_, index))) = heap.pop() {
            let Some(cursor) = cursors.get_mut(index) else { continue };
            if cursor.read.is_empty() {
                cursor.read_more(tx, self.end)?;
                heap.extend(cursor.next_position().map(|next| Reverse((next, index))));
                continue;
            }
            let Some(next) = cursor.next_position() else { continue };
            let Some(event) = cursor.read.pop_front() else { continue };
            searched += event.size();
            if self.pattern.matches(&event.message) {
                size += event.size();
                found.events.push((next, cursor.stream.name.clone(), event));
            }
            if found.events.len() >= self.limit || size >= LARGEST_PAGE || searched >= MOST_SEARCHED {
                found.next = Some(next);
                return Ok(found);
            }
            let following = cursor.next_position().unwrap_or(next);
            heap.push(Reverse((following, index)));
        }
        Ok(found)
    }

    fn cursors(&self, tx: &mut ReadTx<'_>, group: &Group) -> Result<Vec<Cursor>, Error> {
        let streams = match &self.streams {
            Streams::Named(names) => {
                let named: Result<Vec<Stream>, Error> =
                    names.iter().map(|name| service::stream(tx, group, name)).collect();
                named?
            }
            Streams::Prefix(prefix) => self.active_streams(tx, group, prefix)?,
        };
        let overlaps = |stream: &Stream| {
            stream.events_between.is_some_and(|(first, last)| first < self.end && last >= self.start)
        };
        Ok(streams.into_iter().filter(overlaps).map(|stream| self.cursor(stream)).collect())
    }

    /// The streams that have events since the start: an index finds them, whatever else the group holds.
    fn active_streams(&self, tx: &mut ReadTx<'_>, group: &Group, prefix: &str) -> Result<Vec<Stream>, Error> {
        let (from, to) = (self.start.max(0), i64::MAX);
        let mut range =
            Range::between(Stream::last_event_key(group.id, from), Stream::last_event_key(group.id, to));
        let mut streams = Vec::new();
        loop {
            let page = tx.scan_index::<Stream>(Stream::BY_LAST_EVENT, range.clone(), READ_AT_ONCE)?;
            let next = page.next.clone();
            streams.extend(page.into_records().into_iter().filter(|stream| stream.name.starts_with(prefix)));
            match next {
                Some(next) => range = range.after(next),
                None => return Ok(streams),
            }
        }
    }

    fn cursor(&self, stream: Stream) -> Cursor {
        let tag = position::tag(stream.id);
        let resumed = self.after.map_or((0, 0), |after| match tag.cmp(&after.stream) {
            std::cmp::Ordering::Less => (after.timestamp.saturating_add(1), 0),
            std::cmp::Ordering::Equal => (after.timestamp, after.number + 1),
            std::cmp::Ordering::Greater => (after.timestamp, 0),
        });
        Cursor { stream, tag, from: resumed.max((self.start, 0)), read: VecDeque::new() }
    }
}

impl Cursor {
    fn read_more(&mut self, tx: &mut ReadTx<'_>, end: i64) -> Result<(), Error> {
        let Some(chunk) = chunks::reaching(tx, self.stream.id, self.from)? else { return Ok(()) };
        let last = chunk.last();
        let from = self.from;
        let wanted = |event: &Event| event.place() >= from && event.timestamp < end;
        self.read = chunk.events()?.into_iter().filter(wanted).collect();
        self.from = (last.0, last.1 + 1);
        Ok(())
    }

    /// The position of the next event that was read.
    fn next_position(&self) -> Option<Position> {
        let event = self.read.front()?;
        Some(Position { timestamp: event.timestamp, stream: self.tag, number: event.number })
    }
}
