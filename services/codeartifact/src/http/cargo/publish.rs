//! `cargo publish`: two lengths, what is said of the crate, and its archive.

use std::collections::BTreeMap;

use aws::Timestamp;
use aws::http::{Body, Response};
use bytes::{Buf, Bytes};
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use store::ReadTx;

use super::super::answer::{Refusal, typed};
use super::super::{Action, Call, archive, read_body, reading};
use super::{JSON, coordinates, index};
use crate::content;
use crate::error::{Error, Resource};
use crate::external;
use crate::names::{Coordinates, Format};
use crate::package_names::is_crate_name;
use crate::packages::find_repository;
use crate::packages::publishing::{self, Publication};
use crate::records::{Asset, Cargo, Dependency, Metadata, Native, Package, Repository, Status, Version};
use crate::versions;

/// Of a publication, in bytes.
pub const LARGEST: usize = 64 * 1024 * 1024;
/// Of what is said of the crate.
const LONGEST_METADATA: usize = 4 * 1024 * 1024;
const LONGEST_README: usize = 512 * 1024;
const LONGEST_MANIFEST: u64 = 4 * 1024 * 1024;
const MOST_DEPENDENCIES: usize = 5_000;
const MOST_VERSIONS: usize = 20_000;

/// Takes a crate.
pub async fn take(call: Call<'_>, body: Body) -> Result<Response, Refusal> {
    let call = call.acting(Action::Publish);
    if call.is_anonymous {
        return Err(Refusal::unauthenticated("An authorization token is required."));
    }
    let length = call.header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let too_large = || {
        let message = format!("A crate may be published in a request of at most {LARGEST} bytes.");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    if length.is_some_and(|length: usize| length > LARGEST) {
        return Err(too_large());
    }
    let _room = call.budget.room(length.or(Some(LARGEST))).await.ok_or_else(too_large)?;
    let body = read_body(body, LARGEST).await?;
    let (said, packed) =
        parts(body).ok_or_else(|| Refusal::bad("The request is not what cargo publishes."))?;
    let name = said.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !is_crate_name(&name) {
        return Err(Refusal::bad("The name is not that of a crate."));
    }
    let package = coordinates(&name)?;
    let version = said.get("vers").and_then(Value::as_str).unwrap_or_default();
    let version = versions::normal(Format::Cargo, version)?;
    if version.len() > 255 {
        return Err(Refusal::bad("The version is too long."));
    }
    let work = Box::pin(publish(&call, &package, &version, said, packed));
    call.carried_out(Action::Publish, Some(&package), Some(&version), work).await?;
    let warnings = json!({ "invalid_categories": [], "invalid_badges": [], "other": [] });
    Ok(typed(JSON, json!({ "warnings": warnings }).to_string()))
}

/// What is said of the crate, and its archive. `None` for a body that is made otherwise.
fn parts(mut body: Bytes) -> Option<(Map<String, Value>, Bytes)> {
    let mut part = |longest: usize| {
        let length = usize::try_from(body.try_get_u32_le().ok()?).ok()?;
        (length <= longest && length <= body.len()).then(|| body.split_to(length))
    };
    let said = part(LONGEST_METADATA)?;
    let packed = part(LARGEST)?;
    let said = serde_json::from_slice(&said).ok()?;
    body.is_empty().then_some((said, packed))
}

async fn publish(
    call: &Call<'_>,
    package: &Coordinates,
    version: &str,
    said: Map<String, Value>,
    packed: Bytes,
) -> Result<(), Error> {
    let received = content::receive_bytes(&call.codeartifact.store, &call.codeartifact.blobs, packed).await?;
    let name = said.get("name").and_then(Value::as_str).unwrap_or_default();
    let manifest = format!("{name}-{version}/Cargo.toml");
    let is_manifest = move |path: &str| path == manifest;
    let found = archive::find(&call.codeartifact.blobs, received.blob, is_manifest, LONGEST_MANIFEST).await?;
    if found.is_none() {
        return Err(Error::field(format!("The archive is not that of version {version} of {name}.")));
    }
    let now = Timestamp::now();
    let publication = Publication {
        coordinates: package.clone(),
        version: version.to_owned(),
        assets: BTreeMap::from([(index::asset(&package.name, version), Asset::of(&received, None, now))]),
        ticket: received.ticket,
        metadata: metadata(&said),
        native: Some(Native::Cargo(Cargo { line: index::of_publication(&said) })),
        status: Status::Published,
        tags: Vec::new(),
    };
    // What is outside must not be published besides. While it cannot be asked, what was seen of it counts.
    external::refresh(call.codeartifact, reading::repository(call)?, package).await?;
    let repository = reading::repository(call)?.full_name();
    let advisories = call.codeartifact.advisories.current();
    let write = call.codeartifact.store.write(move |tx| {
        let known = find_repository(tx, &repository)?;
        check_names(tx, &known, &publication)?;
        publishing::publish(tx, &advisories, &repository, &publication, now)
    });
    write.await?;
    Ok(())
}

/// Cargo does not tell `-` from `_` in names, nor versions by what comes after `+`. Errors: `Conflict`.
fn check_names(tx: &mut ReadTx<'_>, repository: &Repository, publication: &Publication) -> Result<(), Error> {
    let package = &publication.coordinates;
    for name in [package.name.replace('-', "_"), package.name.replace('_', "-")] {
        let other = Coordinates { name, ..package.clone() };
        if other != *package && tx.exists::<Package>(&Package::key_of(repository.id, &other))? {
            let message = format!("Crate {} is too like {}, which exists.", package.name, other.name);
            return Err(Error::conflict(Resource::package(&package.name), message));
        }
    }
    let range = Version::all_of(repository.id, package);
    for known in tx.scan::<Version>(range, MOST_VERSIONS)?.into_records() {
        let without_build = |version: &str| version.split('+').next().map(str::to_owned);
        if known.version != publication.version
            && without_build(&known.version) == without_build(&publication.version)
        {
            let message = format!("Version {} exists, which is the same to cargo.", known.version);
            return Err(Error::conflict(Resource::version(&known.version), message));
        }
    }
    Ok(())
}

fn metadata(said: &Map<String, Value>) -> Metadata {
    let text = |member: &str| said.get(member).and_then(Value::as_str).map(str::to_owned);
    let dependencies = said.get("deps").and_then(Value::as_array).into_iter().flatten();
    let dependencies = dependencies.take(MOST_DEPENDENCIES).filter_map(|dependency| {
        let text = |member: &str| dependency.get(member).and_then(Value::as_str);
        let package = text("name").filter(|name| is_crate_name(name))?.to_lowercase();
        let kind = text("kind").unwrap_or("normal").to_owned();
        Some(Dependency { namespace: None, package, kind, requirement: text("version_req")?.to_owned() })
    });
    Metadata {
        display_name: text("name"),
        summary: text("description"),
        home_page: text("homepage"),
        source_code: text("repository"),
        licenses: text("license").into_iter().collect(),
        readme: text("readme").filter(|readme| readme.len() <= LONGEST_README),
        dependencies: dependencies.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_taken_apart() {
        let body = |said: &str, packed: &[u8]| {
            let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
            [&length(said.as_bytes())[..], said.as_bytes(), &length(packed)[..], packed].concat()
        };
        let whole = body(r#"{"name": "p"}"#, b"archive");
        let (said, packed) = parts(Bytes::from(whole.clone())).unwrap();
        assert_eq!((said["name"].as_str(), &packed[..]), (Some("p"), &b"archive"[..]));
        for end in 0..whole.len() {
            assert!(parts(Bytes::copy_from_slice(&whole[..end])).is_none(), "{end}");
        }
        assert!(parts(Bytes::from([&whole[..], b"x"].concat())).is_none());
        assert!(parts(Bytes::from(body("[]", b""))).is_none());
        assert!(parts(Bytes::from_static(&[255; 8])).is_none());
    }
}
