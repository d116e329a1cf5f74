//! What is on its way to a trail's bucket and log group.

use aws::{Region, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

use crate::event::EventText;

/// Where events of a trail go; each way has its own backlog, so that neither holds up the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    Bucket,
    LogGroup,
}

/// Events of one region that a trail has yet to deliver: those of one call that writes, or of several that read.
/// Stored in the transaction that records them, deleted in the one that notes their delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undelivered {
    pub trail: Uuid,
    pub way: Way,
    pub region: Region,
    /// When the last of the calls ended.
    pub at: Timestamp,
    pub id: String,
    pub events: Vec<Waiting>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    pub at: Timestamp,
    pub text: EventText,
}

/// A log file whose name and content are decided, whether or not it has reached the bucket: delivering it again gives
/// the same object. One at a time for each trail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedFile {
    pub trail: Uuid,
    pub region: Region,
    pub bucket: String,
    pub object: String,
    /// Its content, by what [`Undelivered::key_at`] takes.
    pub content: Vec<(Timestamp, String)>,
}

/// A log file that the next digest is to name. Key: trail, region, object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveredFile {
    pub trail: Uuid,
    pub region: Region,
    pub bucket: String,
    pub object: String,
    /// SHA-256 of the content before it was compressed, in hexadecimal.
    pub hash: String,
    pub oldest: Timestamp,
    pub newest: Timestamp,
}

/// The chain of digests of a trail in one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DigestChain {
    pub trail: Uuid,
    pub region: Region,
    /// Where the next digest begins, in whole seconds.
    pub from: Timestamp,
    pub previous: Option<Link>,
    /// The digest that is decided and signed, whether or not it has reached the bucket.
    pub unsent: Option<Unsent>,
}

/// What a digest says of the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub bucket: String,
    pub object: String,
    pub hash: String,
    pub signature: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsent {
    pub link: Link,
    pub until: Timestamp,
    /// Keys of the log files that it names.
    pub files: Vec<String>,
    /// The whole document.
    pub document: String,
}

impl Way {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::LogGroup => "log-group",
        }
    }
}

impl Undelivered {
    pub fn of_trail(trail: Uuid) -> Key {
        Key::of(trail.to_string())
    }

    pub fn on_way(trail: Uuid, way: Way) -> Key {
        Self::of_trail(trail).and(way.as_str())
    }

    pub fn in_region(trail: Uuid, way: Way, region: &Region) -> Key {
        Self::on_way(trail, way).and(region.as_str())
    }

    pub fn key_at(trail: Uuid, way: Way, region: &Region, at: Timestamp, id: &str) -> Key {
        Self::in_region(trail, way, region).and_i64(at.as_millis()).and(id)
    }

    /// Bytes of the events.
    pub fn size(&self) -> usize {
        self.events.iter().map(|event| event.text.as_str().len()).sum()
    }
}

impl PlannedFile {
    pub fn key_of(trail: Uuid) -> Key {
        Key::of(trail.to_string())
    }
}

impl DeliveredFile {
    pub fn of_trail(trail: Uuid) -> Key {
        Key::of(trail.to_string())
    }

    pub fn in_region(trail: Uuid, region: &Region) -> Key {
        Self::of_trail(trail).and(region.as_str())
    }
}

impl DigestChain {
    pub fn of_trail(trail: Uuid) -> Key {
        Key::of(trail.to_string())
    }

    pub fn key_of(trail: Uuid, region: &Region) -> Key {
        Self::of_trail(trail).and(region.as_str())
    }

    pub fn new(trail: Uuid, region: &Region, from: Timestamp) -> Self {
        let from = Timestamp::from_millis(from.as_secs() * 1_000);
        Self { trail, region: region.clone(), from, previous: None, unsent: None }
    }
}

impl Record for Undelivered {
    const KIND: &'static str = "cloudtrail/undelivered";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_at(self.trail, self.way, &self.region, self.at, &self.id)
    }
}

impl Record for PlannedFile {
    const KIND: &'static str = "cloudtrail/planned-file";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.trail)
    }
}

impl Record for DeliveredFile {
    const KIND: &'static str = "cloudtrail/delivered-file";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::in_region(self.trail, &self.region).and(&self.object)
    }
}

impl Record for DigestChain {
    const KIND: &'static str = "cloudtrail/digest-chain";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.trail, &self.region)
    }
}
