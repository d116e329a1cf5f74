//! What is told of packages and their releases.

use aws::http::Response;
use http::header;
use serde_json::{Map, Value, json};
use store::{Range, ReadTx};

use super::super::answer::{self, Refusal, set};
use super::super::documents::Document;
use super::super::{Action, Call, reading};
use super::{JSON, asset_name};
use crate::error::Error;
use crate::names::{Coordinates, Format};
use crate::packages::{chain, no_such_version};
use crate::records::{Native, Package, Repository, Status, Swift, Version};
use crate::versions::compare;

/// Packages that are looked at in search of an address.
const LOOKED_AT: usize = 5_000;
/// Of one package.
const MOST_RELEASES: usize = 100;

/// The releases of a package, with a link to the newest.
pub async fn list(call: &Call<'_>, package: &Coordinates) -> Result<Response, Refusal> {
    let coordinates = package.clone();
    let work = Box::pin(reading::along(call, package, move |tx, _, links| {
        let versions = chain::versions(tx, links, &coordinates)?;
        let listed =
            versions.into_values().map(|found| found.version).filter(|version| version.status.is_listed());
        let mut numbers: Vec<String> = listed.map(|version| version.version).collect();
        numbers.sort_by(|a, b| compare(Format::Swift, b, a));
        if numbers.is_empty() {
            let message = format!(
                "Package {} is not in the repository, or has no release that is listed.",
                coordinates.shown()
            );
            return Err(Error::not_found(coordinates.resource(), message));
        }
        Ok(numbers)
    }));
    let numbers = call.carried_out(Action::Read, Some(package), None, work).await?;
    let address = |number: &str| format!("{}{}/{}/{number}", call.base(), package.namespace, package.name);
    let releases: Map<String, Value> =
        numbers.iter().map(|number| (number.clone(), json!({ "url": address(number) }))).collect();
    let document = Document::of(json!({ "releases": releases }).to_string().into_bytes());
    let mut response = answer::document(JSON, document, call.header(header::IF_NONE_MATCH));
    if let Some(latest) = numbers.first() {
        set(&mut response, header::LINK, &format!("<{}>; rel=\"latest-version\"", address(latest)));
    }
    Ok(response)
}

/// One release. One that is only unlisted is told of to those who name it.
pub async fn one(call: &Call<'_>, package: &Coordinates, number: &str) -> Result<Response, Refusal> {
    let (coordinates, wanted) = (package.clone(), number.to_owned());
    let work = Box::pin(reading::along(call, package, move |tx, repository, links| {
        let found = chain::find(tx, links, &coordinates, &wanted)?.map(|found| found.version);
        let is_shown = |version: &Version| matches!(version.status, Status::Published | Status::Unlisted);
        let version =
            found.filter(is_shown).ok_or_else(|| no_such_version(repository, &coordinates, &wanted))?;
        Ok(release(&version).to_string().into_bytes())
    }));
    let body = call.carried_out(Action::Read, Some(package), Some(number), work).await?;
    Ok(answer::document(JSON, Document::of(body), call.header(header::IF_NONE_MATCH)))
}

fn release(version: &Version) -> Value {
    let package = &version.coordinates;
    let asset = version.contents.assets.get(&asset_name(package, &version.version));
    let mut archive = json!({ "name": "source-archive", "type": "application/zip" });
    if let Some(asset) = asset {
        archive["checksum"] = json!(asset.blob.to_string());
    }
    let swift = native(version);
    if let Some((signature, format)) =
        swift.and_then(|swift| swift.signature.as_ref().zip(swift.signature_format.as_ref()))
    {
        archive["signing"] = json!({ "signatureBase64Encoded": signature, "signatureFormat": format });
    }
    json!({
        "id": package.shown(),
        "version": version.version,
        "resources": [archive],
        "metadata": swift.map_or_else(|| json!({}), |swift| swift.metadata.clone()),
        "publishedAt": version.published.to_iso8601_millis(),
    })
}

fn native(version: &Version) -> Option<&Swift> {
    match &version.contents.native {
        Some(Native::Swift(swift)) => Some(swift),
        _ => None,
    }
}

/// The packages of the repository whose releases are from an address of Git.
pub async fn identifiers(call: &Call<'_>) -> Result<Response, Refusal> {
    let url = call.query("url").filter(|url| !url.is_empty());
    let url = url.ok_or_else(|| Refusal::bad("The address that is looked for is missing: url."))?;
    let work = Box::pin(async {
        let (repository, url) = (reading::repository(call)?.clone(), url.clone());
        call.codeartifact.store.read(move |tx| from(tx, &repository, &url)).await
    });
    let found = call.carried_out(Action::Read, None, None, work).await?;
    if found.is_empty() {
        return Err(Refusal::not_found(format!("No package of the repository is from {url}.")));
    }
    let document = Document::of(json!({ "identifiers": found }).to_string().into_bytes());
    Ok(answer::document(JSON, document, call.header(header::IF_NONE_MATCH)))
}

fn from(tx: &mut ReadTx<'_>, repository: &Repository, url: &str) -> Result<Vec<String>, Error> {
    let all = Package::all_of(repository.id).and(Format::Swift.as_str());
    let mut found = Vec::new();
    for package in tx.scan::<Package>(all, LOOKED_AT)?.into_records() {
        let published = Version::all_of(repository.id, &package.coordinates).and(Status::Published.as_str());
        let releases =
            tx.scan_index::<Version>(Version::BY_STATUS, Range::prefix(published), MOST_RELEASES)?;
        let is_from = |version: &Version| {
            let urls = native(version).and_then(|swift| swift.metadata.get("repositoryURLs")?.as_array());
            urls.into_iter().flatten().filter_map(Value::as_str).any(|known| is_same(known, url))
        };
        if releases.records.iter().any(|version| is_from(version)) {
            found.push(package.coordinates.shown());
        }
    }
    Ok(found)
}

/// With or without `.git`; case does not count.
fn is_same(a: &str, b: &str) -> bool {
    let plain = |url: &str| url.trim_end_matches('/').trim_end_matches(".git").to_lowercase();
    plain(a) == plain(b)
}
