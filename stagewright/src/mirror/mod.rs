//! Which packages belong into a bundle: requirements and lock files, and what the formats' documents say of
//! dependencies. Pure.

pub mod cargo;
pub mod contents;
pub mod locks;
pub mod markers;
pub mod npm;
pub mod open;
pub mod presence;
pub mod publication;
pub mod pypi;
pub mod python;
pub mod requirement;

use std::collections::BTreeSet;

/// A version that a lock file names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pin {
    pub name: String,
    pub version: String,
    pub hashes: BTreeSet<Hash>,
}

/// What a lock file says that bytes are, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hash {
    Sha1(String),
    Sha256(String),
    Sha512(String),
}

/// All that is asked for, by format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub npm: BTreeSet<npm::Need>,
    pub npm_pins: BTreeSet<Pin>,
    pub pypi: BTreeSet<pypi::Requirement>,
    pub pypi_pins: BTreeSet<Pin>,
    pub cargo: BTreeSet<cargo::Need>,
    pub cargo_pins: BTreeSet<Pin>,
}
