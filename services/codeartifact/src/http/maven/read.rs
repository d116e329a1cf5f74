//! What clients get: files, metadata that is written from what is there, and the checksums of both.

use std::collections::{BTreeMap, BTreeSet};

use aws::Timestamp;
use aws::http::Response;
use http::header::{self, HeaderName};
use store::ReadTx;

use super::super::answer::{self, Refusal, set, typed};
use super::super::documents::Document;
use super::super::{Action, Call, file as files, reading};
use super::path::{Algorithm, File};
use super::{metadata as write, plugins};
use crate::error::Error;
use crate::names::{Coordinates, Format};
use crate::packages::chain::{self, Link};
use crate::packages::{assets, downloads, no_such_version};
use crate::records::{Asset, Checksums, Repository, Version};
use crate::versions;

const XML: &str = "text/xml; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const MD5: HeaderName = HeaderName::from_static("x-checksum-md5");
const SHA1: HeaderName = HeaderName::from_static("x-checksum-sha1");

/// A file, or its checksum. Newer clients take the checksum from the headers and ask for nothing more.
pub async fn file(call: &Call<'_>, file: &File, checksum: Option<Algorithm>) -> Result<Response, Refusal> {
    let (package, version) = (&file.package, &file.version);
    let work = Box::pin(async {
        if file.is_of_snapshot() {
            of_snapshot(call, file).await
        } else {
            reading::asset(call, package, version, &file.name).await
        }
    });
    let asset = call.carried_out(Action::Read, Some(package), Some(version), work).await?;
    if let Some(algorithm) = checksum {
        let digits = Checksums::of(&asset).get(algorithm).to_owned();
        let known = call.header(header::IF_NONE_MATCH);
        return Ok(answer::document(TEXT, Document::of(digits.into_bytes()), known));
    }
    let mut response = files::send(call, &asset, media_type(&file.name)).await?;
    set(&mut response, MD5, &asset.md5);
    set(&mut response, SHA1, &asset.sha1);
    if asset.added.as_millis() > 0 {
        set(&mut response, header::LAST_MODIFIED, &asset.added.to_http_date());
    }
    Ok(response)
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("jar" | "war" | "ear") => "application/java-archive",
        Some("pom" | "xml") => XML,
        Some("module") => "application/json",
        _ => "application/octet-stream",
    }
}

/// A file of the newest build comes from the snapshot, which changes and therefore stays where it is; one of an older build
/// from that build.
async fn of_snapshot(call: &Call<'_>, file: &File) -> Result<Asset, Error> {
    let (package, snapshot, name) = (file.package.clone(), file.folder.clone(), file.name.clone());
    let is_newest = file.version == file.folder;
    let newest = reading::along(call, &file.package, move |tx, repository, links| {
        let found = chain::find(tx, links, &package, &snapshot)?.map(|found| found.version);
        let found = found.ok_or_else(|| no_such_version(repository, &package, &snapshot));
        match found {
            Ok(version) => of_version(&version, &snapshot, &name).map(Some),
            Err(error) if is_newest => Err(error),
            Err(_) => Ok(None),
        }
    });
    match newest.await {
        Ok(Some(asset)) => {
            // The build of that name and the snapshot have the same file.
            for version in BTreeSet::from([&file.folder, &file.version]) {
                let repository = reading::repository(call)?.id;
                downloads::note(call.codeartifact, repository, &file.package, version, call.ctx.now())
                    .await?;
            }
            Ok(asset)
        }
        Err(error) if is_newest => Err(error),
        Ok(None) | Err(_) => reading::asset(call, &file.package, &file.version, &file.name).await,
    }
}

/// `a-1.0-SNAPSHOT.jar` is the file of the build that the snapshot stands for.
fn of_version(version: &Version, snapshot: &str, name: &str) -> Result<Asset, Error> {
    let plain = format!("{}-{snapshot}", version.coordinates.name);
    let build = version.contents.maven().and_then(|maven| maven.build.as_deref()).unwrap_or(snapshot);
    let name = match name.strip_prefix(&plain) {
        Some(rest) => format!("{}-{build}{rest}", version.coordinates.name),
        None => name.to_owned(),
    };
    assets::of(version, &name).cloned()
}

/// The versions of a package, and the plugins of a group of that name.
pub async fn metadata(
    call: &Call<'_>,
    package: &Coordinates,
    group: &str,
    checksum: Option<Algorithm>,
) -> Result<Response, Refusal> {
    let (coordinates, group) = (package.clone(), group.to_owned());
    let work = Box::pin(async {
        let in_group =
            reading::along(call, package, move |tx, _, links| Ok(plugins::of_group(tx, links, &group)?));
        let plugins = in_group.await?;
        if plugins.is_empty() {
            let none = BTreeMap::new();
            let write = move |tx: &mut ReadTx<'_>, repository: &Repository, links: &[Link]| {
                document(tx, repository, links, &coordinates, &none)
            };
            return reading::document(call, package, "metadata", String::new(), write).await;
        }
        let written = reading::along(call, package, move |tx, repository, links| {
            document(tx, repository, links, &coordinates, &plugins)
        });
        Ok(Document::of(written.await?))
    });
    let document = call.carried_out(Action::Read, Some(package), None, work).await?;
    Ok(served(call, document, checksum))
}

fn document(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    links: &[Link],
    package: &Coordinates,
    plugins: &BTreeMap<String, write::Prefix>,
) -> Result<Vec<u8>, Error> {
    let versions = chain::versions(tx, links, package)?;
    let mut listed: Vec<&Version> =
        versions.values().map(|found| &found.version).filter(|version| version.status.is_listed()).collect();
    listed.sort_by(|a, b| versions::compare(Format::Maven, &a.version, &b.version));
    if listed.is_empty() && plugins.is_empty() {
        let message = format!(
            "Package not found in repository, or it has no version that is listed. Repository: {}, package: {}",
            repository.name,
            package.shown()
        );
        return Err(Error::not_found(package.resource(), message));
    }
    let updated = listed.iter().map(|version| version.published).max().unwrap_or(Timestamp::from_millis(0));
    let numbers: Vec<&str> = listed.iter().map(|version| version.version.as_str()).collect();
    Ok(write::of_package(package, &numbers, updated, plugins).into_bytes())
}

/// The newest build of a snapshot.
pub async fn snapshot(
    call: &Call<'_>,
    package: &Coordinates,
    snapshot: &str,
    checksum: Option<Algorithm>,
) -> Result<Response, Refusal> {
    let (coordinates, name) = (package.clone(), snapshot.to_owned());
    let work = Box::pin(reading::along(call, package, move |tx, repository, links| {
        let found = chain::find(tx, links, &coordinates, &name)?;
        let found = found.ok_or_else(|| no_such_version(repository, &coordinates, &name))?.version;
        assets::check_readable(&found)?;
        let build = found.contents.maven().and_then(|maven| maven.build.as_deref());
        let build = build.ok_or_else(|| no_such_version(repository, &coordinates, &name))?;
        let files = found.contents.assets.keys().map(String::as_str);
        Ok(write::of_snapshot(&coordinates, &name, build, files, found.published))
    }));
    let written = call.carried_out(Action::Read, Some(package), Some(snapshot), work).await?;
    Ok(served(call, Document::of(written.into_bytes()), checksum))
}

fn served(call: &Call<'_>, document: Document, checksum: Option<Algorithm>) -> Response {
    let checksums = Checksums::of_bytes(&document.body);
    if let Some(algorithm) = checksum {
        return typed(TEXT, checksums.get(algorithm).to_owned());
    }
    let mut response = answer::document(XML, document, call.header(header::IF_NONE_MATCH));
    set(&mut response, MD5, &checksums.md5);
    set(&mut response, SHA1, &checksums.sha1);
    response
}
