//! Finding records again, newest first: single entries of writing calls and segments of reading ones, merged.

use aws::{Scope, Timestamp};
use store::{Key, Range, ReadTx};
use uuid::Uuid;

use crate::error::Error;
use crate::records::{
    BY_ATTRIBUTE, BY_TIME, Entry, LONGEST_SPAN_MILLIS, Segment, attribute, entry_key, times,
};

/// Segments that are read at once.
const SEGMENTS_AT_ONCE: usize = 2;

/// Which entries are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    All,
    ReadOnly(bool),
    EventId(String),
    /// One of [`Entry::attributes`].
    Attribute {
        name: String,
        value: String,
    },
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Query {
    pub scope: Scope,
    pub filter: Filter,
    pub from: Timestamp,
    /// Included.
    pub until: Timestamp,
    /// Goes on after the entry of this position: its time in milliseconds and its id.
    pub after: Option<(i64, String)>,
}

impl Filter {
    fn admits(&self, entry: &Entry) -> bool {
        match self {
            Filter::All => true,
            Filter::ReadOnly(read_only) => entry.read_only == *read_only,
            Filter::EventId(id) => entry.event_id == *id,
            Filter::Attribute { name, value } => {
                entry.attributes().iter().any(|(own, text)| own == name && text == value)
            }
        }
    }
}

impl Query {
    fn admits(&self, entry: &Entry) -> bool {
        let is_after = match &self.after {
            Some((at, id)) => entry.position() < (*at, id.as_str()),
            None => true,
        };
        is_after && (self.from..=self.until).contains(&entry.at) && self.filter.admits(entry)
    }

    /// The index to look into, and the part of it.
    fn index(&self) -> (&'static str, Key) {
        match &self.filter {
            Filter::Attribute { name, value } => (BY_ATTRIBUTE, attribute(&self.scope, name, value)),
            Filter::All | Filter::ReadOnly(_) | Filter::EventId(_) => (BY_TIME, times(&self.scope)),
        }
    }

    /// The latest instant that an entry wanted may have, in milliseconds.
    fn latest(&self) -> i64 {
        let until = self.until.as_millis();
        self.after.as_ref().map_or(until, |(at, _)| until.min(*at))
    }
}

/// Up to `limit` entries, newest first.
pub fn find(tx: &mut ReadTx<'_>, query: &Query, limit: usize) -> Result<Vec<Entry>, Error> {
    if let Filter::EventId(id) = &query.filter {
        return by_id(tx, query, id);
    }
    let mut found = Vec::new();
    if query.filter != Filter::ReadOnly(true) {
        found.extend(entries(tx, query, limit)?);
    }
    if query.filter != Filter::ReadOnly(false) {
        found.extend(in_segments(tx, query, limit)?);
    }
    found.sort_by(|a, b| b.position().cmp(&a.position()));
    found.truncate(limit);
    Ok(found)
}

fn entries(tx: &mut ReadTx<'_>, query: &Query, limit: usize) -> Result<Vec<Entry>, Error> {
    let (index, prefix) = query.index();
    let until = prefix.clone().and_i64(query.latest().saturating_add(1));
    let end = match &query.after {
        // Not beyond the end asked for, which a forged position might be.
        Some((at, id)) => prefix.clone().and_i64(*at).and(id).min(until),
        None => until,
    };
    let range = Range::between(prefix.and_i64(query.from.as_millis()), end).descending();
    Ok(tx.scan_index::<Entry>(index, range, limit)?.into_records())
}

/// Segments come in the order of their ends. None that follows can hold an entry newer than its own end, so it is
/// enough once `limit` entries newer than that are found.
fn in_segments(tx: &mut ReadTx<'_>, query: &Query, limit: usize) -> Result<Vec<Entry>, Error> {
    let (index, prefix) = query.index();
    let latest_end = query.latest().saturating_add(LONGEST_SPAN_MILLIS).saturating_add(1);
    let range = Range::between(prefix.clone().and_i64(query.from.as_millis()), prefix.and_i64(latest_end));
    let range = range.descending();
    let mut found: Vec<Entry> = Vec::new();
    let mut position = None;
    loop {
        let page = tx.scan_index::<Segment>(index, range.clone().after(position), SEGMENTS_AT_ONCE)?;
        position = page.next.clone();
        for segment in page.into_records() {
            if found.iter().filter(|entry| entry.at > segment.to).count() >= limit {
                return Ok(found);
            }
            found.extend(segment.entries.into_iter().filter(|entry| query.admits(entry)));
        }
        if position.is_none() {
            return Ok(found);
        }
    }
}

/// The id tells the instant.
fn by_id(tx: &mut ReadTx<'_>, query: &Query, id: &str) -> Result<Vec<Entry>, Error> {
    let Some(at) = instant_of(id) else { return Ok(Vec::new()) };
    let entry = tx.get::<Entry>(&entry_key(at, id))?.map(store::Versioned::into_inner);
    if let Some(entry) = entry.filter(|entry| entry.scope == query.scope && entry.is_management) {
        return Ok(Vec::from_iter(query.admits(&entry).then_some(entry)));
    }
    let prefix = times(&query.scope);
    let range = Range::between(
        prefix.clone().and_i64(at),
        prefix.and_i64(at.saturating_add(LONGEST_SPAN_MILLIS).saturating_add(1)),
    );
    let mut position = None;
    loop {
        let page = tx.scan_index::<Segment>(BY_TIME, range.clone().after(position), SEGMENTS_AT_ONCE)?;
        position = page.next.clone();
        let entries = page.into_records().into_iter().flat_map(|segment| segment.entries);
        let found: Vec<Entry> = entries.filter(|entry| query.admits(entry)).collect();
        if !found.is_empty() || position.is_none() {
            return Ok(found);
        }
    }
}

/// The instant in a UUID of version 7, in milliseconds.
fn instant_of(id: &str) -> Option<i64> {
    let (seconds, nanoseconds) = id.parse::<Uuid>().ok()?.get_timestamp()?.to_unix();
    i64::try_from(seconds).ok()?.checked_mul(1_000)?.checked_add(i64::from(nanoseconds / 1_000_000))
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
