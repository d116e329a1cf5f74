//! What is told of the versions of a package. Source: NuGet documentation, "Package metadata".

use std::collections::BTreeMap;

use aws::http::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::answer::Refusal;
use super::super::documents::Document;
use super::super::{Action, Call, reading};
use super::{asset, json_document, no_package};
use crate::error::Error;
use crate::names::{Coordinates, Format};
use crate::packages::chain::{self, Found};
use crate::packages::no_such_version;
use crate::records::{Native, Status, Version};
use crate::versions::compare;

/// Leaves of one page; all pages stand in the document.
const PAGE: usize = 64;

/// The versions that clients see, in their order.
pub fn shown(versions: &BTreeMap<String, Found>) -> Vec<&Version> {
    let all = versions.values().map(|found| &found.version);
    let is_shown = |version: &&Version| matches!(version.status, Status::Published | Status::Unlisted);
    let mut shown: Vec<&Version> = all.filter(is_shown).collect();
    shown.sort_by(|a, b| compare(Format::Nuget, &a.version, &b.version));
    shown
}

/// Of a package, as the repository is reached by the client.
pub fn address(base: &str, package: &Coordinates) -> String {
    format!("{base}v3/registration/{}/index.json", package.name)
}

pub fn leaf_address(base: &str, version: &Version) -> String {
    format!("{base}v3/registration/{}/{}.json", version.coordinates.name, version.version)
}

/// All versions of a package.
pub async fn index(call: &Call<'_>, package: &Coordinates) -> Result<Response, Refusal> {
    let (coordinates, base) = (package.clone(), call.base());
    let work =
        Box::pin(reading::document(call, package, "registration", base.clone(), move |tx, _, links| {
            let versions = chain::versions(tx, links, &coordinates)?;
            let versions = shown(&versions);
            if versions.is_empty() {
                return Err(no_package(&coordinates));
            }
            let own = address(&base, &coordinates);
            let pages: Vec<Value> =
                versions.chunks(PAGE).map(|versions| page(&base, &own, versions)).collect();
            let document = json!({
                "@id": own,
                "@type": ["catalog:CatalogRoot", "PackageRegistration", "catalog:Permalink"],
                "count": pages.len(),
                "items": pages,
            });
            Ok(document.to_string().into_bytes())
        }));
    let document = call.carried_out(Action::Read, Some(package), None, work).await?;
    Ok(json_document(call, document))
}

fn page(base: &str, own: &str, versions: &[&Version]) -> Value {
    let number =
        |version: Option<&&Version>| version.map(|version| version.version.clone()).unwrap_or_default();
    let (lower, upper) = (number(versions.first()), number(versions.last()));
    let leaves: Vec<Value> = versions.iter().map(|version| described(base, version)).collect();
    json!({
        "@id": format!("{own}#page/{lower}/{upper}"),
        "@type": "catalog:CatalogPage",
        "parent": own,
        "count": leaves.len(),
        "lower": lower,
        "upper": upper,
        "items": leaves,
    })
}

fn described(base: &str, version: &Version) -> Value {
    let package = &version.coordinates;
    let archive = asset(package, &version.version);
    let content = format!("{base}v3/flatcontainer/{}/{}/{archive}", package.name, version.version);
    let own = leaf_address(base, version);
    let mut entry = match &version.contents.native {
        Some(Native::Nuget(nuget)) => nuget.entry.clone(),
        _ => json!({ "id": package.name, "version": version.version }),
    };
    entry["@id"] = json!(own);
    entry["@type"] = json!("PackageDetails");
    entry["listed"] = json!(version.status.is_listed());
    entry["published"] = json!(version.published.to_iso8601_millis());
    entry["packageContent"] = json!(content);
    // So that another server can have this one as its origin.
    let archive = version.contents.assets.values().next();
    if let Some(sha512) = archive.and_then(|archive| hex::decode(&archive.sha512).ok()) {
        entry["packageHash"] = json!(STANDARD.encode(sha512));
        entry["packageHashAlgorithm"] = json!("SHA512");
    }
    json!({
        "@id": own,
        "@type": "Package",
        "catalogEntry": entry,
        "packageContent": content,
        "registration": address(base, package),
    })
}

/// One version of a package.
pub async fn leaf(call: &Call<'_>, package: &Coordinates, number: &str) -> Result<Response, Refusal> {
    let (coordinates, wanted, base) = (package.clone(), number.to_owned(), call.base());
    let work = Box::pin(reading::along(call, package, move |tx, repository, links| {
        let found = chain::find(tx, links, &coordinates, &wanted)?.map(|found| found.version);
        let is_shown = |version: &Version| matches!(version.status, Status::Published | Status::Unlisted);
        let version = found.filter(is_shown);
        let version = version.ok_or_else(|| no_such_version(repository, &coordinates, &wanted))?;
        let mut leaf = described(&base, &version);
        leaf["listed"] = json!(version.status.is_listed());
        leaf["published"] = json!(version.published.to_iso8601_millis());
        // In a document of its own, it is the address of the entry and not the entry.
        leaf["catalogEntry"] = leaf["@id"].clone();
        Ok::<_, Error>(leaf.to_string().into_bytes())
    }));
    let body = call.carried_out(Action::Read, Some(package), Some(number), work).await?;
    Ok(json_document(call, Document::of(body)))
}
