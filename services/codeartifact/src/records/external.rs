use std::collections::BTreeMap;

use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

use super::{Native, Package, PythonFile, Status};
use crate::names::Coordinates;

/// When a package was last looked for outside, through the external connection of a repository.
/// Key: repository, format, namespace, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct External {
    pub repository: Uuid,
    pub coordinates: Coordinates,
    /// The connection through which it was seen: what another one shows is something else.
    pub connection: String,
    pub checked: Timestamp,
    /// Whether there is such a package.
    pub exists: bool,
    pub tags: BTreeMap<String, String>,
    /// Grows with every change of what is seen.
    pub generation: u64,
}

/// A version of a package outside, as it was last seen. Key: that of its package, version in normal form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalVersion {
    pub repository: Uuid,
    pub coordinates: Coordinates,
    pub version: String,
    pub remote: RemoteVersion,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RemoteVersion {
    /// As the origin says.
    pub published: Timestamp,
    pub is_yanked: bool,
    pub native: Option<Native>,
    /// By the names that their assets will have.
    pub files: BTreeMap<String, RemoteFile>,
}

/// A file that was not fetched yet. At least one hash is known of it, or where one is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RemoteFile {
    pub url: String,
    /// In hexadecimal digits, like the others.
    pub sha256: Option<String>,
    pub sha512: Option<String>,
    pub sha1: Option<String>,
    /// The address of the document that tells a hash, where the index does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<String>,
    /// In bytes.
    pub size: Option<u64>,
    pub python: Option<PythonFile>,
    pub uploaded: Timestamp,
}

impl RemoteVersion {
    /// What was yanked is not listed: who names it exactly can have it.
    pub fn status(&self) -> Status {
        if self.is_yanked { Status::Unlisted } else { Status::Published }
    }
}

impl External {
    pub fn key_of(repository: Uuid, coordinates: &Coordinates) -> Key {
        Package::key_of(repository, coordinates)
    }
}

impl ExternalVersion {
    pub fn key_of(repository: Uuid, coordinates: &Coordinates, version: &str) -> Key {
        Self::all_of(repository, coordinates).and(version)
    }

    /// The prefix of all versions of a package.
    pub fn all_of(repository: Uuid, coordinates: &Coordinates) -> Key {
        Package::key_of(repository, coordinates)
    }
}

impl Record for ExternalVersion {
    const KIND: &'static str = "codeartifact/external-version";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.repository, &self.coordinates, &self.version)
    }
}

impl Record for External {
    const KIND: &'static str = "codeartifact/external";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.repository, &self.coordinates)
    }
}
