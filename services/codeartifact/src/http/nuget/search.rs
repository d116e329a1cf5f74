//! Search. Source: NuGet documentation, "Search", "Autocomplete".

use aws::http::Response;
use serde_json::{Value, json};
use store::{Range, ReadTx};

use super::super::answer::Refusal;
use super::super::documents::Document;
use super::super::search::{self, Hits};
use super::super::{Action, Call, reading};
use super::{coordinates, json_document, registration};
use crate::advisories::List;
use crate::error::Error;
use crate::names::Format;
use crate::packages::chain;
use crate::records::{Native, Status, Version};
use crate::versions::{compare, nuget};

const SIZE: usize = 20;
const LARGEST: usize = 100;
/// Versions of one package that a hit shows.
const MOST_VERSIONS: usize = 500;

pub async fn search(call: &Call<'_>) -> Result<Response, Refusal> {
    let (total, page) = hits(call).await?;
    let base = call.base();
    let data: Vec<Value> = page.iter().map(|versions| hit(&base, versions)).collect();
    let found = json!({ "totalHits": total, "data": data });
    Ok(json_document(call, Document::of(found.to_string().into_bytes())))
}

/// Ids that have a text, or with `id` the versions of a package.
pub async fn autocomplete(call: &Call<'_>) -> Result<Response, Refusal> {
    let Some(id) = call.query("id") else {
        let (total, page) = hits(call).await?;
        let ids: Vec<String> = page.iter().filter_map(|versions| Some(id_of(versions.last()?))).collect();
        let found = json!({ "totalHits": total, "data": ids });
        return Ok(json_document(call, Document::of(found.to_string().into_bytes())));
    };
    let package = coordinates(&id)?;
    let (of, early) = (package.clone(), is_early(call));
    let work = Box::pin(reading::along(call, &package, move |tx, _, links| {
        let versions = chain::versions(tx, links, &of)?;
        let is_listed = |version: &&&Version| version.status.is_listed() && admits(version, early);
        let numbers: Vec<String> = registration::shown(&versions)
            .iter()
            .filter(is_listed)
            .map(|version| version.version.clone())
            .collect();
        Ok::<_, Error>(numbers)
    }));
    let numbers = call.carried_out(Action::Read, Some(&package), None, work).await?;
    Ok(json_document(call, Document::of(json!({ "data": numbers }).to_string().into_bytes())))
}

/// Whether versions before a release are wanted.
fn is_early(call: &Call<'_>) -> bool {
    call.query("prerelease").is_some_and(|said| said.eq_ignore_ascii_case("true"))
}

fn admits(version: &Version, early: bool) -> bool {
    early || nuget::parse(&version.version).is_none_or(|parts| parts.label.is_none())
}

/// The packages of a page, each by its versions in their order, and how many packages there are.
async fn hits(call: &Call<'_>) -> Result<(usize, Vec<Vec<Version>>), Refusal> {
    let number = |name: &str, default: usize| {
        call.query(name).and_then(|value| value.parse::<usize>().ok()).unwrap_or(default)
    };
    let (from, size, early) = (number("skip", 0), number("take", SIZE).min(LARGEST), is_early(call));
    let work = Box::pin(async {
        let Hits { total, page } = search::search(call, Format::Nuget, call.query("q"), from, size).await?;
        let advisories = call.codeartifact.advisories.current();
        let read = call.codeartifact.store.read(move |tx| {
            let versions: Result<Vec<_>, Error> =
                page.iter().map(|version| listed(tx, &advisories, version, early)).collect();
            Ok::<_, Error>(versions?.into_iter().filter(|versions| !versions.is_empty()).collect())
        });
        Ok((total, read.await?))
    });
    call.carried_out(Action::Read, None, None, work).await
}

fn listed(tx: &mut ReadTx<'_>, advisories: &List, of: &Version, early: bool) -> Result<Vec<Version>, Error> {
    let published = Version::all_of(of.repository, &of.coordinates).and(Status::Published.as_str());
    let page = tx.scan_index::<Version>(Version::BY_STATUS, Range::prefix(published), MOST_VERSIONS)?;
    let is_shown = |version: &Version| {
        admits(version, early) && !advisories.is_blocked(&of.coordinates, &version.version)
    };
    let mut versions: Vec<Version> =
        page.into_records().into_iter().filter(|version| is_shown(version)).collect();
    versions.sort_by(|a, b| compare(Format::Nuget, &a.version, &b.version));
    Ok(versions)
}

fn id_of(version: &Version) -> String {
    let shown = version.contents.metadata.display_name.as_ref();
    shown.unwrap_or(&version.coordinates.name).clone()
}

fn hit(base: &str, versions: &[Version]) -> Value {
    let Some(last) = versions.last() else { return Value::Null };
    let entry = match &last.contents.native {
        Some(Native::Nuget(nuget)) => &nuget.entry,
        _ => &Value::Null,
    };
    let member = |name: &str| entry.get(name).cloned().unwrap_or_else(|| json!(""));
    let numbers: Vec<Value> = versions
        .iter()
        .map(|version| {
            let address = registration::leaf_address(base, version);
            json!({ "version": version.version, "downloads": 0, "@id": address })
        })
        .collect();
    let registration = registration::address(base, &last.coordinates);
    json!({
        "@id": registration,
        "@type": "Package",
        "registration": registration,
        "id": id_of(last),
        "version": last.version,
        "description": member("description"),
        "title": member("title"),
        "authors": [member("authors")],
        "tags": entry.get("tags").cloned().unwrap_or_else(|| json!([])),
        "packageTypes": [{ "name": "Dependency" }],
        "versions": numbers,
    })
}
