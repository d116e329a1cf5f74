//! Packages with all that is needed to serve them, in one file: what `stagewright mirror export` writes, and what an
//! external connection reads where there is no internet.
//!
//! A zip archive in which nothing is compressed, so that each file can be read where it lies and none is larger than it
//! says. It is laid out like an origin, a folder for each format:
//!
//! | | |
//! | --- | --- |
//! | `npm/NAME/index.json`, `npm/NAME/-/FILE` | the document of a package, with the versions that are there, and archives |
//! | `pypi/NAME/index.json`, `pypi/NAME/FILE` | the page of a project (PEP 691), and files |
//! | `maven/…` | a repository, with metadata, and beside each file its SHA-256 |
//! | `cargo/config.json`, `cargo/ca/rg/cargo`, `cargo/crates/NAME/FILE` | a sparse index, and crates |
//! | `manifest.json` | the last one: [`Manifest`], with the size and the SHA-256 of every other |
//!
//! Since the list of an archive is at its end, one that was cut off cannot be read at all.

mod extent;
mod list;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use extent::Extent;
pub use read::{Bundle, Unreadable};
pub use write::Writer;

/// The path of the manifest.
pub const MANIFEST: &str = "manifest.json";
const KIND: &str = "stagewright-mirror";
const VERSION: u32 = 1;
/// Of the list of files at the end of the archive, in bytes: it is held in memory.
const LARGEST_LIST: u64 = 64 * 1024 * 1024;
const LARGEST_MANIFEST: u64 = 128 * 1024 * 1024;
const MOST_FILES: usize = 500_000;
const LONGEST_PATH: usize = 1_024;

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always `stagewright-mirror`.
    pub kind: String,
    /// Of the form: 1.
    pub version: u32,
    /// By format and name as it is shown: the versions.
    pub packages: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// By path, without the manifest itself.
    pub files: BTreeMap<String, Told>,
}

/// What the manifest says of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// In bytes.
    pub size: u64,
    /// In hexadecimal digits.
    pub sha256: String,
}

/// Whether a path stays within what it is relative to, on every system.
pub fn is_safe(path: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
    (1..=LONGEST_PATH).contains(&path.len()) && path.split('/').all(is_part)
}
