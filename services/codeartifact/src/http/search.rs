//! Search among the packages of a repository, for the package managers that know it.

use store::{Key, Range, ReadTx};

use super::Call;
use crate::error::Error;
use crate::names::Format;
use crate::records::{Native, Package, Repository, Status, Version};

/// How many packages one search looks at, in the order of their names.
const LOOKED_AT: usize = 10_000;
const AT_ONCE: usize = 500;
const LONGEST_TEXT: usize = 1_000;

/// What was found: how many in all, and those of the page, each by the version that stands for it.
pub struct Hits {
    pub total: usize,
    pub page: Vec<Version>,
}

/// The words of a query, in lower case.
pub fn words(text: Option<String>) -> Vec<String> {
    let text: String = text.unwrap_or_default().chars().take(LONGEST_TEXT).collect();
    text.split_whitespace().map(str::to_lowercase).collect()
}

/// The packages of the repository itself, not of its upstreams, that have every word in their name, description or
/// keywords.
pub async fn search(
    call: &Call<'_>,
    format: Format,
    words: Vec<String>,
    from: usize,
    size: usize,
) -> Result<Hits, Error> {
    let repository = super::reading::repository(call)?.clone();
    call.codeartifact.store.read(move |tx| find(tx, &repository, format, &words, from, size)).await
}

fn find(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    format: Format,
    words: &[String],
    from: usize,
    size: usize,
) -> Result<Hits, Error> {
    let (mut hits, mut looked_at, mut next) = (Hits { total: 0, page: Vec::new() }, 0, None::<Key>);
    let all = Package::all_of(repository.id).and(format.as_str());
    loop {
        let page = tx.scan::<Package>(Range::prefix(all.clone()).after(next), AT_ONCE)?;
        looked_at += page.records.len();
        next = page.next.clone();
        for package in page.into_records() {
            let Some(version) = shown(tx, &package)? else { continue };
            if !words.iter().all(|word| has(&version, word)) {
                continue;
            }
            if hits.total >= from && hits.page.len() < size {
                hits.page.push(version);
            }
            hits.total += 1;
        }
        if next.is_none() || looked_at >= LOOKED_AT {
            return Ok(hits);
        }
    }
}

/// The version that stands for a package.
fn shown(tx: &mut ReadTx<'_>, package: &Package) -> Result<Option<Version>, Error> {
    if let Some(latest) = package.tags.get("latest") {
        let named = tx.get::<Version>(&Version::key_of(package.repository, &package.coordinates, latest))?;
        if let Some(version) = named.filter(|version| version.status.is_listed()) {
            return Ok(Some(version.into_inner()));
        }
    }
    let published = Version::all_of(package.repository, &package.coordinates).and(Status::Published.as_str());
    let any = tx.scan_index::<Version>(Version::BY_STATUS, Range::prefix(published).descending(), 1)?;
    Ok(any.into_records().into_iter().next())
}

fn has(version: &Version, word: &str) -> bool {
    let keywords = match &version.contents.native {
        Some(Native::Npm(npm)) => npm.manifest.get("keywords").and_then(serde_json::Value::as_array),
        Some(Native::Cargo(_) | Native::Maven(_) | Native::Nuget(_) | Native::Ruby(_) | Native::Swift(_))
        | None => None,
    };
    let mut keywords = keywords.into_iter().flatten().filter_map(serde_json::Value::as_str);
    let summary = version.contents.metadata.summary.as_deref().unwrap_or_default();
    version.coordinates.shown().to_lowercase().contains(word)
        || summary.to_lowercase().contains(word)
        || keywords.any(|keyword| keyword.to_lowercase().contains(word))
}
