//! Reading records of OSV. Pure. Source: OSV, "Open Source Vulnerability format" 1.7.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::{Advisory, Affected, Blocking, Bound, List, Range, Severity};
use crate::names::{Coordinates, Format};
use crate::versions;

/// Of what is told to clients, in bytes.
const LONGEST_SUMMARY: usize = 300;
const LONGEST_ID: usize = 100;
const MOST_ALIASES: usize = 50;

/// What records of packages that mean harm are called. Source: OpenSSF, "malicious-packages".
const MALICIOUS: &str = "MAL-";

#[derive(Debug, Deserialize)]
pub struct Record {
    id: String,
    aliases: Option<Vec<String>>,
    withdrawn: Option<String>,
    summary: Option<String>,
    details: Option<String>,
    severity: Option<Vec<Score>>,
    affected: Option<Vec<Package>>,
    database_specific: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Score {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

#[derive(Debug, Deserialize)]
struct Package {
    package: Option<Name>,
    severity: Option<Vec<Score>>,
    ranges: Option<Vec<Events>>,
    versions: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Name {
    ecosystem: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Events {
    #[serde(rename = "type")]
    kind: String,
    events: Option<Vec<Event>>,
}

#[derive(Debug, Deserialize)]
struct Event {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

/// What became of a record.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// About how much memory it takes, in bytes.
    pub size: usize,
    /// Bounds that are no versions: their ranges are left out.
    pub unclear: Vec<String>,
}

/// Adds what a record says of packages of the formats that are served here. One that was withdrawn says nothing.
/// Errors: what is wrong with it.
pub fn take(record: Record, blocking: &Blocking, list: &mut List) -> Result<Taken, String> {
    let mut taken = Taken::default();
    if record.id.is_empty() || record.id.len() > LONGEST_ID || record.id.contains(char::is_whitespace) {
        return Err(format!(
            "'{}' is not the id of an advisory",
            record.id.chars().take(LONGEST_ID).collect::<String>()
        ));
    }
    if record.withdrawn.is_some() {
        return Ok(taken);
    }
    let packages = record.affected.as_deref().unwrap_or_default();
    let scores = packages.iter().filter_map(|package| package.severity.as_deref()).flatten();
    let advisory = Arc::new(advisory(&record, scores));
    let is_blocking = blocking.blocks(&advisory);
    taken.size += advisory.summary.len() + 256;
    for package in packages {
        let Some(coordinates) = package.package.as_ref().and_then(coordinates) else { continue };
        let format = coordinates.format;
        let mut affected = Affected {
            advisory: advisory.clone(),
            ranges: Vec::new(),
            versions: BTreeSet::new(),
            is_blocking,
        };
        for events in package.ranges.iter().flatten().filter(|range| range.kind != "GIT") {
            match range(format, events) {
                Ok(range) => {
                    taken.size += 64 * (range.bounds().len() + 1);
                    affected.ranges.push(range);
                }
                Err(bound) => taken.unclear.push(format!("{bound} in {}", record.id)),
            }
        }
        for version in package.versions.iter().flatten() {
            let normal = versions::normal(format, version).unwrap_or_else(|_| version.clone());
            taken.size += normal.len() + 48;
            affected.versions.insert(normal);
        }
        list.add(&coordinates, affected);
    }
    Ok(taken)
}

fn advisory<'r>(record: &'r Record, of_packages: impl Iterator<Item = &'r Score>) -> Advisory {
    let specific = |name: &str| record.database_specific.as_ref().and_then(|specific| specific.get(name));
    let aliases: Vec<String> = record.aliases.iter().flatten().take(MOST_ALIASES).cloned().collect();
    let told = record.summary.as_deref().filter(|summary| !summary.trim().is_empty());
    let told = told.or(record.details.as_deref()).unwrap_or("no more is known");
    let summary: String =
        told.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
    let end =
        summary.char_indices().map(|(at, _)| at).take_while(|at| *at <= LONGEST_SUMMARY).last().unwrap_or(0);
    let summary = if summary.len() > LONGEST_SUMMARY { format!("{}…", &summary[..end]) } else { summary };
    let cvss = score(record.severity.iter().flatten().chain(of_packages));
    let said = specific("severity").and_then(Value::as_str).and_then(|said| said.parse().ok());
    let is_malicious = record.id.starts_with(MALICIOUS)
        || aliases.iter().any(|alias| alias.starts_with(MALICIOUS))
        || specific("malicious-packages-origins").is_some();
    let severity = if is_malicious {
        Some(Severity::Malicious)
    } else {
        said.or_else(|| cvss.as_ref().and_then(|(score, _)| rated(*score)))
    };
    let url = match record.id.starts_with("GHSA-") {
        true => format!("https://github.com/advisories/{}", record.id),
        false => format!("https://osv.dev/vulnerability/{}", record.id),
    };
    let weaknesses = specific("cwe_ids").and_then(Value::as_array).into_iter().flatten();
    let weaknesses = weaknesses.filter_map(Value::as_str).take(MOST_ALIASES).map(str::to_owned).collect();
    Advisory { id: record.id.clone(), aliases, summary, url, severity, cvss, weaknesses }
}

/// The highest score. One that cannot be read counts for nothing.
fn score<'r>(scores: impl Iterator<Item = &'r Score>) -> Option<(f64, String)> {
    let vectors = scores.filter(|score| matches!(score.kind.as_str(), "CVSS_V3" | "CVSS_V4"));
    let read = vectors.filter_map(|score| {
        let vector: cvss::Cvss = score.score.parse().ok()?;
        Some((vector.score(), score.score.clone()))
    });
    read.max_by(|(a, _), (b, _)| a.total_cmp(b))
}

/// Source: FIRST, "CVSS v3.1 Specification", "Qualitative Severity Rating Scale".
fn rated(score: f64) -> Option<Severity> {
    match score {
        score if score >= 9.0 => Some(Severity::Critical),
        score if score >= 7.0 => Some(Severity::High),
        score if score >= 4.0 => Some(Severity::Moderate),
        score if score > 0.0 => Some(Severity::Low),
        _ => None,
    }
}

/// `None` for an ecosystem that is not served here.
fn coordinates(package: &Name) -> Option<Coordinates> {
    // `Maven:https://…` is a package of that repository.
    let ecosystem = package.ecosystem.split(':').next().unwrap_or_default();
    let name = package.name.as_str();
    let (format, namespace, name) = match ecosystem {
        "npm" => match name.strip_prefix('@').and_then(|name| name.split_once('/')) {
            Some((scope, name)) => (Format::Npm, scope, name),
            None => (Format::Npm, "", name),
        },
        "PyPI" => (Format::Pypi, "", name),
        "Maven" => {
            let (group, artifact) = name.split_once(':')?;
            (Format::Maven, group, artifact)
        }
        "crates.io" => (Format::Cargo, "", name),
        "NuGet" => (Format::Nuget, "", name),
        "RubyGems" => (Format::Ruby, "", name),
        _ => return None,
    };
    Some(Coordinates::normal(format, namespace, name))
}

/// Errors: a bound that is no version.
fn range(format: Format, range: &Events) -> Result<Range, String> {
    let (mut bounds, mut limits) = (Vec::new(), Vec::new());
    for event in range.events.iter().flatten() {
        bounds.extend(event.introduced.clone().map(|at| Bound::Introduced((at != "0").then_some(at))));
        bounds.extend(event.fixed.clone().map(Bound::Fixed));
        bounds.extend(event.last_affected.clone().map(Bound::LastAffected));
        limits.extend(event.limit.clone());
    }
    // Any version is below this one.
    if limits.iter().any(|limit| limit == "*") {
        limits.clear();
    }
    Range::of(format, bounds, limits)
}
