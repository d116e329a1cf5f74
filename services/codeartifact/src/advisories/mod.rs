//! What is known of versions that are malicious or vulnerable, by a list in the format of OSV that the operator gives; and
//! which of them are blocked: they are neither listed nor handed out, nor come in from outside.
//!
//! `osv` reads the format, `range` says which versions are meant, both without I/O; `files` keeps the list as it is on disk.

mod files;
mod osv;
mod range;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

pub use files::Advisories;
pub use range::{Bound, Range};

use crate::error::Error;
use crate::names::{Coordinates, Format};
use crate::versions::{self, ruby};

/// Where the list is, and what of it blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdvisorySource {
    /// A file, or a folder of files ending in `.json`.
    pub path: PathBuf,
    pub blocking: Blocking,
}

/// Which advisories block the versions that they are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocking {
    pub severities: BTreeSet<Severity>,
    /// Identifiers of advisories, or other names of them.
    pub ids: BTreeSet<String>,
    /// Those that do not block, whatever else is said.
    pub except: BTreeSet<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Low,
    Moderate,
    High,
    Critical,
    /// Not a mistake in a package, but a package that means harm.
    Malicious,
}

/// What is told of one weakness.
#[derive(Clone, Debug, PartialEq)]
pub struct Advisory {
    pub id: String,
    /// The same under the names of others: `CVE-…`.
    pub aliases: Vec<String>,
    pub summary: String,
    /// Where to read more.
    pub url: String,
    /// `None` where nobody says.
    pub severity: Option<Severity>,
    /// The score and the vector that it follows from. Source: FIRST, "CVSS v3.1".
    pub cvss: Option<(f64, String)>,
    /// `CWE-79`.
    pub weaknesses: Vec<String>,
}

/// Which versions of one package an advisory is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Affected {
    pub advisory: Arc<Advisory>,
    pub ranges: Vec<Range>,
    /// In the normal form of their format.
    pub versions: BTreeSet<String>,
    pub is_blocking: bool,
}

/// All that is known, by package.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    packages: HashMap<Coordinates, Vec<Affected>>,
    /// Another one for other files; zero without a list.
    pub generation: u64,
}

impl FromStr for Severity {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "low" => Ok(Self::Low),
            "moderate" | "medium" => Ok(Self::Moderate),
            "high" => Ok(Self::High),
            "critical" => Ok(Self::Critical),
            "malicious" => Ok(Self::Malicious),
            _ => Err("low, moderate, high, critical or malicious"),
        }
    }
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
            Self::Critical => "critical",
            Self::Malicious => "malicious",
        }
    }
}

impl Blocking {
    fn blocks(&self, advisory: &Advisory) -> bool {
        let is_named = |ids: &BTreeSet<String>| {
            ids.contains(&advisory.id) || advisory.aliases.iter().any(|alias| ids.contains(alias))
        };
        let is_severe = advisory.severity.is_some_and(|severity| self.severities.contains(&severity));
        !is_named(&self.except) && (is_severe || is_named(&self.ids))
    }
}

impl Affected {
    pub fn has(&self, format: Format, version: &str) -> bool {
        // Those of a gem are numbers, for all its platforms.
        let number = if format == Format::Ruby { ruby::number(version) } else { version };
        self.versions.contains(version)
            || self.versions.contains(number)
            || self.ranges.iter().any(|range| range.has(format, version))
    }

    /// The lowest version above this one in which the weakness is mended.
    fn mended(&self, format: Format, version: &str) -> Option<&str> {
        let all = self.ranges.iter().filter_map(|range| range.mended(format, version));
        all.min_by(|a, b| versions::compare(format, a, b))
    }
}

impl List {
    fn add(&mut self, package: &Coordinates, affected: Affected) {
        self.packages.entry(key(package)).or_default().push(affected);
    }

    /// What is said of a package, blocking or not.
    pub fn of(&self, package: &Coordinates) -> &[Affected] {
        self.packages.get(&key(package)).map_or(&[], Vec::as_slice)
    }

    /// Errors: `AccessDenied` for a version that is blocked, with the advisory that does it.
    pub fn check(&self, package: &Coordinates, version: &str) -> Result<(), Error> {
        let blocks = |one: &&Affected| one.is_blocking && one.has(package.format, version);
        let Some(found) = self.of(package).iter().find(blocks) else { return Ok(()) };
        let advisory = &found.advisory;
        let how_bad =
            advisory.severity.map(|severity| format!(" ({})", severity.as_str())).unwrap_or_default();
        let mended = found.mended(package.format, version);
        let mended = mended.map(|version| format!(" It is mended in {version}.")).unwrap_or_default();
        Err(Error::AccessDenied(format!(
            "Version {version} of package {} is blocked by the operator of this server, because of advisory {}{how_bad}: \
             {}. See {}.{mended}",
            package.shown(),
            advisory.id,
            advisory.summary.trim_end_matches('.'),
            advisory.url
        )))
    }

    /// How many packages there are, and how many advisories that block versions of one.
    pub fn count(&self) -> (usize, usize) {
        let blocking = self.packages.values().flatten().filter(|one| one.is_blocking).count();
        (self.packages.len(), blocking)
    }

    pub fn is_blocked(&self, package: &Coordinates, version: &str) -> bool {
        self.check(package, version).is_err()
    }

    /// Why versions of a package may be missing.
    pub fn reason(&self, package: &Coordinates) -> Option<String> {
        let blocking = self.of(package).iter().filter(|one| one.is_blocking);
        let ids: Vec<&str> = blocking.map(|one| one.advisory.id.as_str()).take(MOST_NAMED).collect();
        (!ids.is_empty())
            .then(|| format!("advisories block versions of package {} ({})", package.shown(), ids.join(", ")))
    }
}

/// How many advisories a reason names.
const MOST_NAMED: usize = 5;

/// On crates.io, `-` and `_` are the same in names.
fn key(package: &Coordinates) -> Coordinates {
    let mut key = package.clone();
    if key.format == Format::Cargo {
        key.name = key.name.replace('_', "-");
    }
    key
}

#[cfg(test)]
mod tests;
