use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

use super::Version;
use crate::names::Coordinates;

/// When a version of a repository was last downloaded, to the day; apart from it, as reading changes no version.
/// Key: that of the version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    pub repository: Uuid,
    pub coordinates: Coordinates,
    pub version: String,
    pub last: Timestamp,
}

impl Record for Download {
    const KIND: &'static str = "codeartifact/download";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Version::key_of(self.repository, &self.coordinates, &self.version)
    }
}
