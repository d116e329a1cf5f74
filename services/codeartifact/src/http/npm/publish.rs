//! Publishing and deprecating: both are a document put in the place of the package.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws::Timestamp;
use aws::http::{Body, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha384};
use store::WriteTx;

use super::super::answer::Refusal;
use super::super::budget::{LARGEST, LARGEST_BODY};
use super::super::reading::repository;
use super::super::{Action, Call, archive, read_body};
use super::{TARBALL, done, manifest, own};
use crate::content::{LARGEST_ASSET, Received, Receiver};
use crate::error::{Error, Resource};
use crate::external;
use crate::names::{Coordinates, Format};
use crate::packages::publishing::{self, Publication};
use crate::packages::writing;
use crate::records::{Asset, Native, Npm, Repository, Status, Version};
use crate::versions;

/// Letters of base64 that are decoded at once; they stand for whole bytes.
const DECODED_AT_ONCE: usize = 4 * 64 * 1024;
/// Of a `package.json`, in bytes.
const LONGEST_MANIFEST: u64 = 4 * 1024 * 1024;
/// Tags that one publish can set.
const MOST_TAGS: usize = 20;

/// The document. What is large in it is not copied.
#[derive(Deserialize)]
struct Document<'a> {
    name: Option<String>,
    #[serde(default, rename = "dist-tags")]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    versions: BTreeMap<String, Map<String, Value>>,
    #[serde(borrow, default, rename = "_attachments")]
    attachments: BTreeMap<String, Attachment<'a>>,
    readme: Option<String>,
}

#[derive(Deserialize)]
struct Attachment<'a> {
    /// Base64.
    #[serde(borrow)]
    data: Cow<'a, str>,
    /// Of what it decodes to, in bytes.
    length: Option<u64>,
}

/// Takes what a client puts. Who may not change the package at all is refused before his document is read.
pub async fn put(call: Call<'_>, package: &Coordinates, body: Body) -> Result<Response, Refusal> {
    let call = call.acting(Action::Publish);
    if call.allowed(Action::Publish, Some(package)).await.is_err()
        && call.allowed(Action::PutMetadata, Some(package)).await.is_err()
    {
        return call
            .carried_out(Action::Publish, Some(package), None, Box::pin(async { Ok(done(StatusCode::OK)) }))
            .await;
    }
    let length = call.header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let too_large = || {
        let message = format!("A package may be published in a request of at most {LARGEST} MiB.");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    };
    let _room = call.budget.room(length).await.ok_or_else(too_large)?;
    let body = read_body(body, length.map_or(LARGEST_BODY, |length| length.min(LARGEST_BODY))).await?;
    let unreadable = |error: serde_json::Error| {
        Refusal::bad(format!("The document of the package is not valid: {error}."))
    };
    let document: Document<'_> = serde_json::from_slice(&body).map_err(unreadable)?;
    if document.name.as_ref().is_some_and(|name| *name != package.shown()) {
        let message = format!("The document is of another package than its address: {}.", package.shown());
        return Err(Refusal::bad(message));
    }
    if document.attachments.is_empty() {
        let call = call.acting(Action::PutMetadata);
        let work = Box::pin(deprecate(&call, package, &document));
        return call.carried_out(Action::PutMetadata, Some(package), None, work).await;
    }
    let version = document.versions.keys().next().cloned();
    let work = Box::pin(publish(&call, package, document));
    call.carried_out(Action::Publish, Some(package), version.as_deref(), work).await
}

/// Errors: `Validation` for a document that does not fit together; those of publishing.
async fn publish(call: &Call<'_>, package: &Coordinates, document: Document<'_>) -> Result<Response, Error> {
    let (number, manifest) = the_version(package, &document)?;
    let attachment = tarball(package, &number, &document)?;
    let received = receive(call, attachment).await?;
    check_integrity(&received, manifest, attachment)?;
    check_inside(call, &received, package, &number).await?;
    let integrity = format!("sha512-{}", STANDARD.encode(hex::decode(&received.sha512).unwrap_or_default()));
    let name = package.shown();
    let metadata = manifest::metadata(&name, &Value::Object(manifest.clone()), document.readme.as_deref());
    let kept = manifest::kept(manifest.clone(), &received.sha1, &integrity);
    let now = Timestamp::now();
    let mut tags: Vec<String> =
        document.tags.iter().filter(|(_, version)| **version == number).map(|(tag, _)| tag.clone()).collect();
    if tags.len() > MOST_TAGS || tags.iter().any(|tag| super::tags::check(tag).is_err()) {
        return Err(Error::field("The tags of the document are not valid."));
    }
    // A document that names other versions alone moves no name.
    if document.tags.is_empty() {
        tags.push("latest".to_owned());
    }
    let publication = Publication {
        coordinates: package.clone(),
        version: number,
        assets: BTreeMap::from([(TARBALL.to_owned(), Asset::of(&received, None, now))]),
        ticket: received.ticket,
        metadata,
        native: Some(Native::Npm(Npm { manifest: kept, deprecated: None })),
        status: Status::Published,
        tags,
    };
    // What is outside must not be published besides. While it cannot be asked, what was seen of it counts.
    external::refresh(call.codeartifact, repository(call)?, package).await?;
    let repository = call.address.repository.clone();
    let advisories = call.codeartifact.advisories.current();
    let write = call
        .codeartifact
        .store
        .write(move |tx| publishing::publish(tx, &advisories, &repository, &publication, now));
    write.await?;
    Ok(done(StatusCode::OK))
}

/// The one version of a document that publishes. Errors: `Validation`.
fn the_version<'d>(
    package: &Coordinates,
    document: &'d Document<'_>,
) -> Result<(String, &'d Map<String, Value>), Error> {
    let mut versions = document.versions.iter();
    let (Some((number, manifest)), None) = (versions.next(), versions.next()) else {
        return Err(Error::field("A document that publishes must have exactly one version."));
    };
    let number = versions::normal(Format::Npm, number)?;
    if number.len() > 255 {
        return Err(Error::field("The version is too long."));
    }
    let says = |member: &str| manifest.get(member).and_then(Value::as_str);
    if says("name") != Some(&package.shown()) || says("version") != Some(&number) {
        let message = format!("The manifest is not that of version {number} of {}.", package.shown());
        return Err(Error::field(message));
    }
    Ok((number, manifest))
}

/// Errors: `Validation` unless there is one archive, of that version.
fn tarball<'d, 'a>(
    package: &Coordinates,
    number: &str,
    document: &'d Document<'a>,
) -> Result<&'d Attachment<'a>, Error> {
    let expected = format!("{}-{number}.tgz", package.shown());
    let is_archive = |name: &&String| !name.ends_with(".sigstore");
    let names: Vec<&String> = document.attachments.keys().filter(is_archive).collect();
    match names.as_slice() {
        [name] if **name == expected => document.attachments.get(*name),
        _ => None,
    }
    .ok_or_else(|| {
        Error::field(format!("The document must have one archive, and its name must be {expected}."))
    })
}

/// Errors: `Validation` if it is not base64, or not of the length that it says.
async fn receive(call: &Call<'_>, attachment: &Attachment<'_>) -> Result<Received, Error> {
    let not_base64 = || Error::field("The archive is not valid base64.");
    let mut receiver = Receiver::begin(&call.codeartifact.blobs, LARGEST_ASSET).await?;
    for piece in attachment.data.as_bytes().chunks(DECODED_AT_ONCE) {
        let decoded = STANDARD.decode(piece).map_err(|_| not_base64())?;
        receiver.write(Bytes::from(decoded)).await?;
    }
    let received = receiver.finish(&call.codeartifact.store).await?;
    match attachment.length {
        Some(length) if length != received.size => {
            let message = format!("The archive has {} bytes, and its document says {length}.", received.size);
            Err(Error::field(message))
        }
        Some(_) | None => Ok(received),
    }
}

/// What the manifest says of the bytes must be true. Errors: `Validation`.
fn check_integrity(
    received: &Received,
    manifest: &Map<String, Value>,
    attachment: &Attachment<'_>,
) -> Result<(), Error> {
    let says = |member: &str| manifest.get("dist").and_then(|dist| dist.get(member)?.as_str());
    if says("shasum").is_some_and(|shasum| !shasum.eq_ignore_ascii_case(&received.sha1)) {
        return Err(Error::field("The archive does not have the shasum that its manifest says."));
    }
    // Several hashes may be given; each must be true.
    for hash in says("integrity").unwrap_or_default().split_ascii_whitespace() {
        let (algorithm, expected) = hash.split_once('-').unwrap_or((hash, ""));
        let found = match algorithm {
            "sha512" => hex::decode(&received.sha512).ok(),
            "sha256" => hex::decode(received.blob.to_string()).ok(),
            "sha1" => hex::decode(&received.sha1).ok(),
            "sha384" => {
                STANDARD.decode(attachment.data.as_bytes()).ok().map(|bytes| Sha384::digest(bytes).to_vec())
            }
            _ => continue,
        };
        let expected = expected.split('?').next().unwrap_or_default();
        if found.map(|found| STANDARD.encode(found)).as_deref() != Some(expected) {
            return Err(Error::field("The archive does not have the integrity that its manifest says."));
        }
    }
    Ok(())
}

/// The archive must be of the version that the document publishes. Errors: `Validation`.
async fn check_inside(
    call: &Call<'_>,
    received: &Received,
    package: &Coordinates,
    number: &str,
) -> Result<(), Error> {
    // Whatever the folder is called, it is the first one.
    let is_manifest = |path: &str| path.trim_start_matches("./").split('/').skip(1).eq(["package.json"]);
    let found = archive::find(&call.codeartifact.blobs, received.blob, is_manifest, LONGEST_MANIFEST).await?;
    let found = found.ok_or_else(|| Error::field("The archive has no package.json."))?;
    let inside: Value = serde_json::from_slice(&found)
        .map_err(|_| Error::field("The package.json of the archive is not valid JSON."))?;
    let says = |member: &str| inside.get(member).and_then(Value::as_str).unwrap_or_default();
    if says("name") != package.shown() || says("version").trim_start_matches(['v', '=']) != number {
        let message = format!(
            "The archive is of {} {}, and not of {} {number}.",
            says("name"),
            says("version"),
            package.shown()
        );
        return Err(Error::field(message));
    }
    Ok(())
}

/// Notes why versions should not be used any more, or that they may be again.
async fn deprecate(
    call: &Call<'_>,
    package: &Coordinates,
    document: &Document<'_>,
) -> Result<Response, Error> {
    let said: BTreeMap<String, Option<String>> = document
        .versions
        .iter()
        .map(|(version, manifest)| {
            let why = manifest.get("deprecated").and_then(Value::as_str).filter(|why| !why.is_empty());
            (version.clone(), why.map(str::to_owned))
        })
        .collect();
    if said.values().flatten().any(|why| why.len() > 10_000) {
        return Err(Error::field("The reason of a deprecation is too long."));
    }
    let (repository, package, now) = (repository(call)?.clone(), package.clone(), Timestamp::now());
    let write = call.codeartifact.store.write(move |tx| note(tx, &repository, &package, &said, now));
    write.await?;
    Ok(done(StatusCode::OK))
}

fn note(
    tx: &mut WriteTx<'_>,
    repository: &Repository,
    coordinates: &Coordinates,
    said: &BTreeMap<String, Option<String>>,
    now: Timestamp,
) -> Result<(), Error> {
    let links = own(tx, repository, coordinates)?;
    let Some(mut package) = links.into_iter().next().and_then(|link| link.package) else { return Ok(()) };
    let mut is_any = false;
    for (number, why) in said {
        // Versions that are only upstream are in the document too, as they were read; they are not this repository's.
        let found = tx.get::<Version>(&Version::key_of(repository.id, coordinates, number))?;
        let Some(before) = found.map(store::Versioned::into_inner) else { continue };
        is_any = true;
        let mut after = before.clone();
        if let Some(Native::Npm(npm)) = &mut after.contents.native {
            npm.deprecated.clone_from(why);
        }
        writing::save(tx, repository, &mut package, Some(&before), &mut after, None, now)?;
    }
    if is_any {
        return Ok(());
    }
    let message = "None of the versions is in this repository: nothing was deprecated.";
    Err(Error::not_found(Resource::package(&coordinates.shown()), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_base64_stands_for_whole_bytes() {
        assert_eq!(DECODED_AT_ONCE % 4, 0);
    }

    #[test]
    fn a_document_borrows_its_archive() {
        let text = r#"{"name": "p", "_attachments": {"p-1.0.0.tgz": {"data": "AAAA", "length": 3}}}"#;
        let document: Document<'_> = serde_json::from_str(text).unwrap();
        assert!(matches!(document.attachments["p-1.0.0.tgz"].data, Cow::Borrowed("AAAA")));
    }
}
