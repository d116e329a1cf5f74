//! Search among the packages of a repository.

use aws::http::Response;
use http::header;
use serde_json::{Value, json};
use store::{Key, Range, ReadTx};

use super::super::answer::{self, Refusal};
use super::super::documents::Document;
use super::super::reading::repository;
use super::super::{Action, Call};
use super::JSON;
use crate::error::Error;
use crate::names::Format;
use crate::records::{Native, Package, Repository, Status, Version};

/// How many packages one search looks at, in the order of their names.
const LOOKED_AT: usize = 10_000;
const AT_ONCE: usize = 500;
const SIZE: usize = 20;
const LARGEST: usize = 250;
const LONGEST_TEXT: usize = 1_000;

/// What was found: how many in all, and those of the page.
struct Hits {
    total: usize,
    page: Vec<Value>,
}

/// The packages of the repository itself, not of its upstreams, that have every word in their name, description or
/// keywords. Source: npm's registry documentation, "REGISTRY-API", `GET /-/v1/search`.
pub async fn search(call: &Call<'_>) -> Result<Response, Refusal> {
    let number = |name: &str, default: usize| {
        call.query(name).and_then(|value| value.parse::<usize>().ok()).unwrap_or(default)
    };
    let text: String = call.query("text").unwrap_or_default().chars().take(LONGEST_TEXT).collect();
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let (size, from) = (number("size", SIZE).min(LARGEST), number("from", 0));
    let work = Box::pin(async {
        let repository = repository(call)?.clone();
        call.codeartifact.store.read(move |tx| find(tx, &repository, &words, from, size)).await
    });
    let Hits { total, page } = call.carried_out(Action::Read, None, None, work).await?;
    let found = json!({ "objects": page, "total": total, "time": call.ctx.now().to_http_date() });
    let known = call.header(header::IF_NONE_MATCH);
    Ok(answer::document(JSON, Document::of(found.to_string().into_bytes()), known))
}

fn find(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    words: &[String],
    from: usize,
    size: usize,
) -> Result<Hits, Error> {
    let (mut hits, mut looked_at, mut next) = (Hits { total: 0, page: Vec::new() }, 0, None::<Key>);
    let all = Package::all_of(repository.id).and(Format::Npm.as_str());
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
                hits.page.push(hit(&version));
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
        Some(Native::Npm(npm)) => npm.manifest.get("keywords").and_then(Value::as_array),
        None => None,
    };
    let mut keywords = keywords.into_iter().flatten().filter_map(Value::as_str);
    let summary = version.contents.metadata.summary.as_deref().unwrap_or_default();
    version.coordinates.shown().to_lowercase().contains(word)
        || summary.to_lowercase().contains(word)
        || keywords.any(|keyword| keyword.to_lowercase().contains(word))
}

fn hit(version: &Version) -> Value {
    let manifest = match &version.contents.native {
        Some(Native::Npm(npm)) => &npm.manifest,
        None => &Value::Null,
    };
    let member = |name: &str| manifest.get(name).cloned().unwrap_or(Value::Null);
    let keywords = manifest.get("keywords").filter(|value| value.is_array()).cloned().unwrap_or(json!([]));
    let scope = version.coordinates.namespace().unwrap_or_else(|| "unscoped".to_owned());
    json!({
        "package": {
            "name": version.coordinates.shown(),
            "scope": scope,
            "version": version.version,
            "description": version.contents.metadata.summary,
            "keywords": keywords,
            "date": version.published.to_iso8601_millis(),
            "author": member("author"),
            "links": { "homepage": version.contents.metadata.home_page, "repository": version.contents.metadata.source_code },
            "publisher": { "username": "aws" },
            "maintainers": [],
        },
        "score": { "final": 1.0, "detail": { "quality": 1.0, "popularity": 1.0, "maintenance": 1.0 } },
        "searchScore": 1.0,
    })
}
