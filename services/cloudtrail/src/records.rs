//! What is kept of each call, and of trails.

mod key_pair;
mod pending;
mod trail;

use std::collections::BTreeSet;

use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

use crate::event::EventText;
use crate::resource::{resource_type, short_name};

pub use key_pair::KeyPair;
pub use pending::{DeliveredFile, DigestChain, Link, PlannedFile, Undelivered, Unsent, Waiting, Way};
pub use trail::{Closing, Course, LogGroup, Notices, Progress, Trail};
pub use v1::*;

mod v1 {
    use super::*;

    /// One call, with what it is found by.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Entry {
        /// Where the call is looked up: of a global service in us-east-1.
        pub scope: Scope,
        /// A UUID of version 7, so that it tells when.
        pub event_id: String,
        /// The end of the call.
        pub at: Timestamp,
        pub event_name: String,
        pub event_source: String,
        pub read_only: bool,
        pub user_name: Option<String>,
        pub access_key_id: Option<String>,
        /// ARNs.
        pub resources: Vec<String>,
        /// Data events (S3 objects, messages of queues and topics) are handed over to trails and not kept.
        pub is_management: bool,
        /// The whole record as JSON.
        pub event: EventText,
    }

    /// Reading calls of one account and region that were written together: one record and a few index entries for
    /// hundreds of calls.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Segment {
        pub id: String,
        pub scope: Scope,
        pub is_management: bool,
        /// When the last of its calls ended; the first ended at most [`LONGEST_SPAN_MILLIS`](super::LONGEST_SPAN_MILLIS)
        /// before.
        pub to: Timestamp,
        pub entries: Vec<Entry>,
    }
}

/// How far apart the calls of one segment may be.
pub const LONGEST_SPAN_MILLIS: i64 = 10_000;
/// Longer names are not indexed: the record itself still has them.
const LONGEST_NAME: usize = 512;

/// Index of management events by time.
pub const BY_TIME: &str = "time";
/// Index of management events by an attribute's name and value, then by time.
pub const BY_ATTRIBUTE: &str = "attribute";

/// All times of a scope, in the index by time.
pub fn times(scope: &Scope) -> Key {
    Key::of(scope.account.as_str()).and(scope.region.as_str())
}

/// All times of an attribute's value, in the index by attribute.
pub fn attribute(scope: &Scope, name: &str, value: &str) -> Key {
    times(scope).and(name).and(value)
}

/// All records that ended before, whatever their scope.
pub fn before(cutoff: Timestamp) -> store::Range {
    store::Range::between(Key::empty(), Key::empty().and_i64(cutoff.as_millis()))
}

impl Entry {
    /// The names of LookupEvents' attributes with their values; `EventId` and `ReadOnly` need no index.
    pub fn attributes(&self) -> Vec<(&'static str, &str)> {
        let mut attributes =
            vec![("EventName", self.event_name.as_str()), ("EventSource", self.event_source.as_str())];
        attributes.extend(self.user_name.as_deref().map(|name| ("Username", name)));
        attributes.extend(self.access_key_id.as_deref().map(|id| ("AccessKeyId", id)));
        for arn in &self.resources {
            attributes.push(("ResourceName", arn));
            attributes.push(("ResourceName", short_name(arn)));
            attributes.extend(resource_type(arn).map(|name| ("ResourceType", name)));
        }
        attributes
    }

    /// Where an entry stands among all: newest first, and apart when of one instant.
    pub fn position(&self) -> (i64, &str) {
        (self.at.as_millis(), self.event_id.as_str())
    }
}

impl Record for Entry {
    const KIND: &'static str = "cloudtrail/event";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        entry_key(self.at.as_millis(), &self.event_id)
    }

    fn indexes(&self) -> Vec<Index> {
        if !self.is_management {
            return Vec::new();
        }
        let end = |key: Key| key.and_i64(self.at.as_millis()).and(&self.event_id);
        indexes(&self.scope, std::slice::from_ref(self), end)
    }
}

impl Record for Segment {
    const KIND: &'static str = "cloudtrail/segment";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Key::empty().and_i64(self.to.as_millis()).and(&self.id)
    }

    fn indexes(&self) -> Vec<Index> {
        if !self.is_management {
            return Vec::new();
        }
        indexes(&self.scope, &self.entries, |key| key.and_i64(self.to.as_millis()))
    }
}

/// The key of the entry of this instant and id.
pub fn entry_key(at_millis: i64, event_id: &str) -> Key {
    Key::empty().and_i64(at_millis).and(event_id)
}

/// By time, and by each distinct attribute of the entries.
fn indexes(scope: &Scope, entries: &[Entry], end: impl Fn(Key) -> Key) -> Vec<Index> {
    let attributes = entries.iter().flat_map(Entry::attributes);
    let distinct: BTreeSet<_> = attributes.filter(|(_, value)| value.len() <= LONGEST_NAME).collect();
    let by_attribute = distinct
        .into_iter()
        .map(|(name, value)| Index::new(BY_ATTRIBUTE, end(attribute(scope, name, value))));
    std::iter::once(Index::new(BY_TIME, end(times(scope)))).chain(by_attribute).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A reading call that ended at this instant, in milliseconds.
    pub fn entry_at(millis: i64) -> Entry {
        let at = Timestamp::from_millis(millis);
        let since_epoch = u64::try_from(millis).expect("after the epoch");
        let nanoseconds = u32::try_from(since_epoch % 1_000).expect("below a thousand") * 1_000_000;
        let instant = uuid::Timestamp::from_unix(uuid::NoContext, since_epoch / 1_000, nanoseconds);
        Entry {
            scope: Scope::new(
                "123456789012".parse().expect("an account"),
                "eu-west-1".parse().expect("a region"),
            ),
            event_id: uuid::Uuid::new_v7(instant).to_string(),
            at,
            event_name: "GetThing".into(),
            event_source: "things.amazonaws.com".into(),
            read_only: true,
            user_name: Some("jane".into()),
            access_key_id: Some("AKIA1".into()),
            resources: vec!["arn:aws:iam::123456789012:role/team/build".into()],
            is_management: true,
            event: serde_json::from_str(&format!("{{\"at\":{millis}}}")).expect("JSON"),
        }
    }

    #[test]
    fn a_segment_is_found_by_each_distinct_attribute() {
        let mut other = entry_at(2);
        other.event_name = "ListThings".into();
        other.resources = Vec::new();
        let segment = Segment {
            id: "s".into(),
            scope: other.scope.clone(),
            is_management: true,
            to: other.at,
            entries: vec![entry_at(1), other],
        };
        let names = |index: &Index| index.name;
        let indexes = segment.indexes();
        assert_eq!(indexes.iter().map(names).filter(|name| *name == BY_TIME).count(), 1);
        // Two names, one source, one user, one key, ARN and name and type of one resource.
        assert_eq!(indexes.iter().map(names).filter(|name| *name == BY_ATTRIBUTE).count(), 8);
        assert!(Segment { is_management: false, ..segment }.indexes().is_empty());
    }
}
