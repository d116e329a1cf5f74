//! What clients put: files, checksums of files, and metadata, with which a version is whole.

use std::collections::BTreeMap;

use aws::Timestamp;
use aws::http::{Body, Response};
use http::StatusCode;

use super::super::answer::{Refusal, typed};
use super::super::{Action, Call, read_body, reading};
use super::path::{Algorithm, File, Path, Place};
use super::{metadata, plugins, pom};
use crate::content::{self, LARGEST_ASSET, Received};
use crate::error::{Error, Resource};
use crate::external;
use crate::names::{Coordinates, Format};
use crate::packages::publishing::{self, Publication};
use crate::packages::{find_repository, finishing};
use crate::records::{Asset, Checksums, Maven, Metadata, Native, Package, Status};
use crate::versions::maven::{self as versions, SNAPSHOT};

/// In bytes.
const LARGEST_METADATA: usize = 4 * 1024 * 1024;
const LARGEST_POM: u64 = 4 * 1024 * 1024;
const LARGEST_CHECKSUM: usize = 1024;
/// Packages of a group that are asked for a checksum.
const MOST_PACKAGES: usize = 1_000;

/// Takes what is put at an address.
pub async fn take(call: Call<'_>, path: Path, body: Body) -> Result<Response, Refusal> {
    match (path.place, path.checksum) {
        (Place::File(to), None) => file(call, to, body).await,
        (Place::File(to), Some(algorithm)) => checksum(call, to, algorithm, body).await,
        (Place::Metadata { package, group }, None) => of_package(call, package, group, body).await,
        (Place::SnapshotMetadata { package, snapshot }, None) => {
            of_snapshot(call, package, snapshot, body).await
        }
        (Place::Metadata { package, group }, Some(algorithm)) => {
            document_checksum(call, package, Some(group), algorithm, body).await
        }
        (Place::SnapshotMetadata { package, .. }, Some(algorithm)) => {
            document_checksum(call, package, None, algorithm, body).await
        }
    }
}

fn done(status: StatusCode) -> Response {
    let mut response = typed("text/plain; charset=utf-8", "");
    *response.status_mut() = status;
    response
}

async fn file(call: Call<'_>, to: File, body: Body) -> Result<Response, Refusal> {
    check_version(&to).map_err(Refusal::bad)?;
    let (package, version) = (to.package.clone(), to.version.clone());
    let work = Box::pin(publish(&call, to, body));
    call.carried_out(Action::Publish, Some(&package), Some(&version), work).await?;
    Ok(done(StatusCode::CREATED))
}

/// Errors: what is wrong with it.
fn check_version(to: &File) -> Result<(), &'static str> {
    if to.version.ends_with(SNAPSHOT) {
        return Err(
            "Snapshots must be unique: the name of the file must have the time and number of the build.",
        );
    }
    if !to.is_of_snapshot() && versions::base_of_build(&to.version).is_some() {
        return Err("The builds of a snapshot are published in the folder of the snapshot.");
    }
    Ok(())
}

/// Errors: `Validation` for a POM of something else; those of publishing.
async fn publish(call: &Call<'_>, to: File, body: Body) -> Result<(), Error> {
    let ca = call.codeartifact;
    let received = content::receive(&ca.store, &ca.blobs, body, LARGEST_ASSET).await?;
    let metadata = if to.name == format!("{}-{}.pom", to.package.name, to.version) {
        described(call, &to, &received).await?
    } else {
        Metadata::default()
    };
    let plugin = if to.name == format!("{}-{}.jar", to.package.name, to.version) {
        plugins::inside(&ca.blobs, received.blob, received.size).await?
    } else {
        None
    };
    let native = plugin.map(|plugin| Native::Maven(Maven { plugin: Some(plugin), ..Maven::default() }));
    let now = Timestamp::now();
    let publication = Publication {
        coordinates: to.package,
        version: to.version,
        assets: BTreeMap::from([(to.name, Asset::of(&received, None, now))]),
        ticket: received.ticket,
        metadata,
        native,
        status: Status::Unfinished,
        tags: Vec::new(),
    };
    // What is outside must not be published besides. While it cannot be asked, what was seen of it counts.
    external::refresh(ca, reading::repository(call)?, &publication.coordinates).await?;
    let repository = call.address.repository.clone();
    let advisories = ca.advisories.current();
    let write =
        ca.store.write(move |tx| publishing::publish(tx, &advisories, &repository, &publication, now));
    write.await?;
    Ok(())
}

/// What the POM says of the version. Errors: `Validation`.
async fn described(call: &Call<'_>, to: &File, received: &Received) -> Result<Metadata, Error> {
    if received.size > LARGEST_POM {
        return Err(Error::field(format!("A POM may have {LARGEST_POM} bytes at most.")));
    }
    let text = call
        .codeartifact
        .blobs
        .read(received.blob, usize::try_from(LARGEST_POM).unwrap_or(usize::MAX))
        .await?;
    let pom = pom::read(&text).map_err(|why| Error::field(format!("The POM is not valid: {why}.")))?;
    if pom.is_of(&to.package, &to.folder) {
        return Ok(pom.metadata);
    }
    let said = |part: Option<String>| part.unwrap_or_else(|| "?".to_owned());
    let message = format!(
        "The POM is of {}:{}:{}, and not of {}:{}.",
        said(pom.group),
        said(pom.artifact),
        said(pom.version),
        to.package.shown(),
        to.folder
    );
    Err(Error::field(message))
}

/// A checksum is held against its file, and not kept: what is served is what was found.
async fn checksum(call: Call<'_>, to: File, algorithm: Algorithm, body: Body) -> Result<Response, Refusal> {
    let said = read_body(body, LARGEST_CHECKSUM).await?;
    let said = first_word(&said);
    let (package, version) = (to.package.clone(), to.version.clone());
    let work = Box::pin(async {
        let (repository, now) = (call.address.repository.clone(), Timestamp::now());
        let write = call.codeartifact.store.write(move |tx| {
            let file = format!("{}{}", to.name, algorithm.suffix());
            let is_right = |version: &crate::records::Version| {
                let asset = version.contents.assets.get(&to.name).ok_or_else(|| no_file(&to.name))?;
                Ok(Checksums::of(asset).get(algorithm) == said)
            };
            finishing::note_checksum(tx, &repository, &to.package, (&to.version, &file), is_right, now)
        });
        write.await
    });
    let is_right = call.carried_out(Action::Publish, Some(&package), Some(&version), work).await?;
    if is_right { Ok(done(StatusCode::CREATED)) } else { Err(mismatch()) }
}

fn no_file(name: &str) -> Error {
    let message = format!("There is no {name}: a file must be put before its checksum.");
    Error::not_found(Resource::asset(name), message)
}

fn mismatch() -> Refusal {
    Refusal::bad("The checksum is not that of the file. It must be in hexadecimal digits, in lower case.")
}

/// Some tools write the name of the file behind it.
fn first_word(body: &[u8]) -> String {
    String::from_utf8_lossy(body).split_whitespace().next().unwrap_or_default().to_owned()
}

async fn of_package(
    call: Call<'_>,
    package: Coordinates,
    group: String,
    body: Body,
) -> Result<Response, Refusal> {
    let call = call.acting(Action::PutMetadata);
    let (said, document) = document(&call, body).await?;
    if said.versions.is_empty() {
        return of_group(call, group, said, document).await;
    }
    let is = |said: &Option<String>, expected: &str| said.as_ref().is_none_or(|said| said == expected);
    if !is(&said.group, &package.namespace) || !is(&said.artifact, &package.name) {
        return Err(Refusal::bad(format!("The metadata is of another package than {}.", package.shown())));
    }
    let work = Box::pin(async {
        let (repository, package, now) = (call.address.repository.clone(), package.clone(), Timestamp::now());
        let write = call.codeartifact.store.write(move |tx| {
            finishing::finish(tx, &repository, &package, &said.versions, document.clone(), now)
        });
        write.await
    });
    call.carried_out(Action::PutMetadata, Some(&package), None, work).await?;
    Ok(done(StatusCode::CREATED))
}

async fn of_snapshot(
    call: Call<'_>,
    package: Coordinates,
    snapshot: String,
    body: Body,
) -> Result<Response, Refusal> {
    let call = call.acting(Action::PutMetadata);
    let (said, document) = document(&call, body).await?;
    let build = said.build.ok_or_else(|| {
        Refusal::bad("The metadata of a snapshot must have the timestamp and number of a build, and list a file of it.")
    })?;
    let build = format!("{}-{build}", snapshot.trim_end_matches(SNAPSHOT));
    if versions::base_of_build(&build).is_none() {
        return Err(Refusal::bad(format!("{build} is no build of a snapshot.")));
    }
    let work = Box::pin(async {
        let (repository, package, now) = (call.address.repository.clone(), package.clone(), Timestamp::now());
        let (snapshot, build) = (snapshot.clone(), build.clone());
        let write = call.codeartifact.store.write(move |tx| {
            finishing::finish_build(tx, &repository, &package, (&snapshot, &build), document.clone(), now)
        });
        write.await
    });
    call.carried_out(Action::PutMetadata, Some(&package), Some(&snapshot), work).await?;
    Ok(done(StatusCode::CREATED))
}

/// What the plugins of a group are called. Their archives say it, so there is nothing to be done, if it is true.
async fn of_group(
    call: Call<'_>,
    group: String,
    said: metadata::Said,
    document: Checksums,
) -> Result<Response, Refusal> {
    let coordinates = |artifact: &str| Coordinates::normal(Format::Maven, &group, artifact);
    let Some(first) = said.plugins.keys().next().map(|artifact| coordinates(artifact)) else {
        return Err(Refusal::bad("The metadata has neither versions nor plugins."));
    };
    let work = Box::pin(async {
        let (name, group, now_said) = (call.address.repository.clone(), group.clone(), said.plugins.clone());
        let write = call.codeartifact.store.write(move |tx| {
            let repository = find_repository(tx, &name)?;
            let mut is_any = false;
            for (artifact, said) in &now_said {
                let coordinates = Coordinates::normal(Format::Maven, &group, artifact);
                let package = tx.get::<Package>(&Package::key_of(repository.id, &coordinates))?;
                // Others of the group are upstream or outside: they are in the document as it was read.
                let Some(mut package) = package.map(store::Versioned::into_inner) else { continue };
                check_prefix(tx, &package, &said.prefix)?;
                finishing::remember(tx, &mut package, document.clone())?;
                is_any = true;
            }
            let message = "The metadata lists no plugin of this repository.";
            if is_any { Ok(()) } else { Err(Error::field(message)) }
        });
        write.await
    });
    call.carried_out(Action::PutMetadata, Some(&first), None, work).await?;
    Ok(done(StatusCode::CREATED))
}

/// Errors: `Validation` if a plugin is called otherwise by its archive.
fn check_prefix(tx: &mut store::ReadTx<'_>, package: &Package, prefix: &str) -> Result<(), Error> {
    match plugins::of_package(tx, package)? {
        Some(plugin) if plugin.prefix != prefix => Err(Error::field(format!(
            "Plugin {} says that it is called {}, and not {prefix}.",
            package.coordinates.shown(),
            plugin.prefix
        ))),
        Some(_) | None => Ok(()),
    }
}

async fn document(call: &Call<'_>, body: Body) -> Result<(metadata::Said, Checksums), Refusal> {
    let too_large = || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "The metadata is too large.");
    let _room = call.budget.room(Some(LARGEST_METADATA)).await.ok_or_else(too_large)?;
    let body = read_body(body, LARGEST_METADATA).await?;
    let said = metadata::read(&body).map_err(|why| Refusal::bad(format!("The document is {why}.")))?;
    Ok((said, Checksums::of_bytes(&body)))
}

/// The checksum of metadata that was put before.
async fn document_checksum(
    call: Call<'_>,
    package: Coordinates,
    group: Option<String>,
    algorithm: Algorithm,
    body: Body,
) -> Result<Response, Refusal> {
    let call = call.acting(Action::PutMetadata);
    let said = first_word(&read_body(body, LARGEST_CHECKSUM).await?);
    let work = Box::pin(async {
        let (name, package) = (call.address.repository.clone(), package.clone());
        let read = call.codeartifact.store.read(move |tx| {
            let repository = find_repository(tx, &name)?;
            let own = tx.get::<Package>(&Package::key_of(repository.id, &package))?;
            let mut packages: Vec<Package> = own.into_iter().map(store::Versioned::into_inner).collect();
            if let Some(group) = &group {
                let in_group = Package::all_of(repository.id).and(Format::Maven.as_str()).and(group);
                packages.extend(tx.scan::<Package>(in_group, MOST_PACKAGES)?.into_records());
            }
            let mut documents = packages.iter().flat_map(|package| &package.documents).peekable();
            documents.peek().ok_or_else(|| no_file("maven-metadata.xml"))?;
            Ok::<_, Error>(documents.any(|document| document.get(algorithm) == said))
        });
        read.await
    });
    let is_right = call.carried_out(Action::PutMetadata, Some(&package), None, work).await?;
    if is_right { Ok(done(StatusCode::CREATED)) } else { Err(mismatch()) }
}
