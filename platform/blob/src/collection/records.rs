//! What is noted of blobs on their way out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use store::{Key, ReadTx, Record, WriteTx};

use crate::Digest;

/// A blob that no record names, or that none named some time ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub blob: Digest,
    pub fate: Fate,
    /// That of the last step of collecting it; 0 if it never was.
    pub number: u64,
}

/// Times are in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// No record named it then.
    Condemned { since: i64 },
    /// Its bytes may be deleted at any moment, or are.
    Collecting,
    /// Its bytes were deleted.
    Collected { at: i64 },
}

/// The number drawn last. One record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sequence {
    pub number: u64,
}

impl Note {
    pub fn key_of(blob: Digest) -> Key {
        Key::of(blob.to_string())
    }
}

impl Record for Note {
    const KIND: &'static str = "blob/note";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.blob)
    }
}

impl Sequence {
    fn the_key() -> Key {
        Key::of("collection")
    }

    pub fn current(tx: &mut ReadTx<'_>) -> Result<u64, store::Error> {
        Ok(tx.get::<Self>(&Self::the_key())?.map_or(0, |sequence| sequence.number))
    }

    pub fn draw(tx: &mut WriteTx<'_>) -> Result<u64, store::Error> {
        let number = Self::current(tx)? + 1;
        tx.put(&Self { number })?;
        Ok(number)
    }
}

impl Record for Sequence {
    const KIND: &'static str = "blob/sequence";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::the_key()
    }
}

/// Milliseconds since 1970.
pub fn millis(time: SystemTime) -> i64 {
    length(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// In milliseconds.
pub fn length(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
