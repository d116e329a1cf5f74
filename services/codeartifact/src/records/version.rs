use std::collections::{BTreeMap, BTreeSet};

use aws::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blob::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use store::{Index, Key, Record};
use uuid::Uuid;

use super::{Gem, Package};
use crate::names::Coordinates;

/// A package version in a repository. Key: that of its package, version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub repository: Uuid,
    pub coordinates: Coordinates,
    /// In its format's normal form.
    pub version: String,
    pub status: Status,
    /// Follows from the contents: the same in every repository that has the version like this.
    pub revision: String,
    /// When it came into the repository; when it was finished, if it was unfinished first.
    pub published: Timestamp,
    pub origin: Origin,
    pub contents: Contents,
}

/// What a version consists of, wherever it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// By name. None once it is disposed of.
    pub assets: BTreeMap<String, Asset>,
    pub metadata: Metadata,
    /// What its format's own protocol needs beside.
    pub native: Option<Native>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    Published,
    Unfinished,
    Unlisted,
    Archived,
    Disposed,
}

/// How a version came into the domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was published into the repository of that name.
    Internal { repository: String },
    /// It came from outside, through the connection of that name.
    External { connection: String },
}

/// A file of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// Its SHA-256, which names the bytes.
    pub blob: Digest,
    /// In bytes.
    pub size: u64,
    /// In hexadecimal digits, like the next two.
    pub md5: String,
    pub sha1: String,
    pub sha512: String,
    pub added: Timestamp,
    /// What PyPI's index tells of the file.
    pub python: Option<PythonFile>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PythonFile {
    pub requires_python: Option<String>,
    /// The `METADATA` of a wheel, which is served beside it.
    pub metadata: Option<String>,
}

/// What is told of a version in every format.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// As its author spells it.
    pub display_name: Option<String>,
    pub summary: Option<String>,
    pub home_page: Option<String>,
    pub source_code: Option<String>,
    pub licenses: Vec<String>,
    pub readme: Option<String>,
    pub dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    pub namespace: Option<String>,
    pub package: String,
    /// `regular`, `dev`, `peer`, `optional` …
    pub kind: String,
    pub requirement: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Native {
    Npm(Npm),
    Cargo(Cargo),
    Maven(Maven),
    Nuget(Nuget),
    Ruby(Gem),
    Swift(Swift),
}

/// What a registry of Swift tells of a release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Swift {
    /// As it was published.
    pub metadata: Value,
    /// Of the archive, in Base64.
    pub signature: Option<String>,
    /// `cms-1.0.0`
    pub signature_format: Option<String>,
}

/// What the registrations of NuGet tell of a version, out of the manifest in its archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nuget {
    /// The members of its catalog entry, but for addresses and what follows from its status.
    pub entry: Value,
}

/// What a repository of Maven knows of a version beside its files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maven {
    /// Of a plugin: what it is called on the command line.
    pub plugin: Option<Plugin>,
    /// The checksum files that were not those of their files. While there are any, the version is not finished.
    pub mismatches: BTreeSet<String>,
    /// Of a snapshot: the build that it stands for, `1.0-20210728.194552-1`.
    pub build: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    pub prefix: String,
    pub name: Option<String>,
}

/// What the index of cargo tells of a version, but for what follows from its asset and its status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cargo {
    /// The members of its line.
    pub line: Value,
}

/// What the registry of npm knows of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Npm {
    /// Its `package.json` as it was published, `dist` without its address.
    pub manifest: Value,
    /// Why it should not be used any more.
    pub deprecated: Option<String>,
}

impl Version {
    /// The index of the versions of a package by when they were published.
    pub const BY_TIME: &'static str = "time";
    /// The index of the versions of a package by status.
    pub const BY_STATUS: &'static str = "status";

    pub fn key_of(repository: Uuid, coordinates: &Coordinates, version: &str) -> Key {
        Package::key_of(repository, coordinates).and(version)
    }

    /// The prefix of all versions of a package; also the prefix of what its indexes have of them.
    pub fn all_of(repository: Uuid, coordinates: &Coordinates) -> Key {
        Package::key_of(repository, coordinates)
    }
}

impl Record for Version {
    const KIND: &'static str = "codeartifact/version";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.repository, &self.coordinates, &self.version)
    }

    fn indexes(&self) -> Vec<Index> {
        let package = || Self::all_of(self.repository, &self.coordinates);
        vec![
            Index::new(Self::BY_TIME, package().and_i64(self.published.as_millis())),
            Index::new(Self::BY_STATUS, package().and(self.status.as_str())),
        ]
    }
}

impl Contents {
    /// What is known of a version of Maven beside its files.
    pub fn maven(&self) -> Option<&Maven> {
        match &self.native {
            Some(Native::Maven(maven)) => Some(maven),
            Some(
                Native::Npm(_) | Native::Cargo(_) | Native::Nuget(_) | Native::Ruby(_) | Native::Swift(_),
            )
            | None => None,
        }
    }

    /// 44 characters that change with the contents.
    pub fn revision(&self) -> String {
        // Maps are ordered, so equal contents are written alike; none of them has keys that JSON could not write.
        let written = serde_json::to_vec(self).unwrap_or_default();
        STANDARD.encode(Sha256::digest(&written))
    }
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "Published",
            Self::Unfinished => "Unfinished",
            Self::Unlisted => "Unlisted",
            Self::Archived => "Archived",
            Self::Disposed => "Disposed",
        }
    }

    /// Whether package managers see it among the versions of its package.
    pub fn is_listed(self) -> bool {
        self == Self::Published
    }

    /// Whether its assets can be had by those who know its name.
    pub fn is_readable(self) -> bool {
        match self {
            Self::Published | Self::Unfinished | Self::Unlisted => true,
            Self::Archived | Self::Disposed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_follows_from_the_contents() {
        let mut contents = Contents::default();
        let empty = contents.revision();
        assert_eq!(empty, Contents::default().revision());
        assert!(empty.len() <= 50);
        contents.metadata.summary = Some("something else".into());
        assert_ne!(empty, contents.revision());
    }
}
