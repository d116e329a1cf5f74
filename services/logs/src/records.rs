//! What is stored, apart from the events themselves.

use std::collections::BTreeMap;

use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

/// A log group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub scope: Scope,
    pub name: String,
    /// Its own, not that of another group that had the name before.
    pub id: Uuid,
    pub created_at: Timestamp,
    /// `None`: events are kept for ever.
    pub retention_days: Option<i32>,
    pub class: String,
    pub kms_key_id: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// A log stream. Its events are found by its id, so that they are gone with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    pub group: Uuid,
    pub name: String,
    pub id: Uuid,
    pub created_at: Timestamp,
    /// The times of its earliest and its latest event; in milliseconds since 1970.
    pub events_between: Option<(i64, i64)>,
    pub last_ingested_at: Option<Timestamp>,
    /// The number of the next event.
    pub next_number: u64,
    /// Messages with 26 bytes each, as AWS counts.
    pub stored_bytes: u64,
    /// The latest of those that say which part of their output they put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// Whose output has been put up to where, see [`aws::LogOffset`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The ARN of the identity that puts it: nobody else's batches are taken for repetitions.
    pub caller: String,
    pub id: Uuid,
    pub to: u64,
}

impl Group {
    pub fn all_of(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn key_of(scope: &Scope, name: &str) -> Key {
        Self::all_of(scope).and(name)
    }

    /// `arn:aws:logs:us-east-1:123456789012:log-group:name`, without `:*`.
    pub fn arn(&self) -> String {
        self.scope.arn("logs", format!("log-group:{}", self.name)).to_string()
    }

    /// The time before which events are expired.
    pub fn expired_before(&self, now: Timestamp) -> Option<i64> {
        const DAY: u64 = 24 * 60 * 60;
        let days = u64::try_from(self.retention_days?).ok()?;
        Some(now.minus(std::time::Duration::from_secs(days * DAY)).as_millis())
    }
}

impl Record for Group {
    const KIND: &'static str = "logs/group";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }
}

impl Stream {
    /// The index of a group's streams by the time of their latest event; those without any come first.
    pub const BY_LAST_EVENT: &'static str = "last-event";

    pub fn all_of(group: Uuid) -> Key {
        Key::of(group.simple().to_string())
    }

    pub fn key_of(group: Uuid, name: &str) -> Key {
        Self::all_of(group).and(name)
    }

    pub fn last_event_key(group: Uuid, last_event: i64) -> Key {
        Self::all_of(group).and_i64(last_event)
    }

    /// Up to where the stream has a source of a caller.
    pub fn has_up_to(&self, caller: &str, source: Uuid) -> u64 {
        let known = self.source.as_ref().filter(|known| known.caller == caller && known.id == source);
        known.map_or(0, |known| known.to)
    }

    pub fn arn(&self, group: &Group) -> String {
        format!("{}:log-stream:{}", group.arn(), self.name)
    }
}

impl Record for Stream {
    const KIND: &'static str = "logs/stream";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.group, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let last_event = self.events_between.map_or(-1, |(_, last)| last);
        vec![Index::new(Self::BY_LAST_EVENT, Self::last_event_key(self.group, last_event).and(&self.name))]
    }
}
