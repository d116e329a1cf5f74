//! Pushing a package: a form with its archive. Source: NuGet documentation, "Push and Delete".

use std::collections::BTreeMap;

use aws::Timestamp;
use aws::http::{Body, Response};
use http::{StatusCode, header};

use super::super::answer::{Refusal, typed};
use super::super::form::{self, Form};
use super::super::zipped::{self, Found};
use super::super::{Action, Call, reading};
use super::manifest::{self, Manifest};
use super::{asset, coordinates, is_id, normal};
use crate::content::{LARGEST_ASSET, Received, Receiver};
use crate::error::Error;
use crate::external;
use crate::names::Coordinates;
use crate::packages::publishing::{self, Publication};
use crate::records::{Asset, Native, Nuget, Status};

/// Takes a package. What it is stands in it, so the policies are asked about it when it is there.
pub async fn take(call: Call<'_>, body: Body) -> Result<Response, Refusal> {
    let call = call.acting(Action::Publish);
    if call.is_anonymous {
        return Err(Refusal::unauthenticated("An authorization token is required."));
    }
    call.begins_push().await?;
    let mut form = Form::of(call.header(header::CONTENT_TYPE), body)?;
    let Some(mut file) = form.next_file().await? else {
        return Err(Refusal::bad("The form has no file: it must have the package."));
    };
    let mut receiver = Receiver::begin(&call.codeartifact.blobs, LARGEST_ASSET).await?;
    while let Some(piece) = file.chunk().await.map_err(form::malformed)? {
        receiver.write(piece).await?;
    }
    drop(file);
    if form.next_file().await?.is_some() {
        return Err(Refusal::bad("The form must have one package and no more."));
    }
    let received = receiver.finish(&call.codeartifact.store).await?;
    let manifest = inside(&call, &received).await?;
    let package = coordinates(&manifest.id)?;
    let version = normal(&manifest.version)?;
    let work = Box::pin(publish(&call, &package, &version, manifest, received));
    call.carried_out(Action::Publish, Some(&package), Some(&version), work).await?;
    let mut response = typed("text/plain; charset=utf-8", "");
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// Errors: `Validation` for what is no package.
async fn inside(call: &Call<'_>, received: &Received) -> Result<Manifest, Error> {
    let blobs = &call.codeartifact.blobs;
    let found =
        zipped::find(blobs, received.blob, received.size, manifest::is_path, manifest::LONGEST).await?;
    let text = match found {
        Found::File(text) => text,
        Found::Nothing => return Err(Error::field("The package has no .nuspec.")),
        Found::TooLarge => return Err(Error::field("The .nuspec of the package is too large to be read.")),
    };
    let manifest =
        manifest::read(&text).map_err(|why| Error::field(format!("The .nuspec is not valid: {why}.")))?;
    if !is_id(&manifest.id) {
        return Err(Error::field(format!("{} is not the id of a package.", manifest.id)));
    }
    Ok(manifest)
}

async fn publish(
    call: &Call<'_>,
    package: &Coordinates,
    version: &str,
    manifest: Manifest,
    received: Received,
) -> Result<(), Error> {
    let now = Timestamp::now();
    let publication = Publication {
        coordinates: package.clone(),
        version: version.to_owned(),
        assets: BTreeMap::from([(asset(package, version), Asset::of(&received, None, now))]),
        ticket: received.ticket,
        metadata: manifest.metadata,
        native: Some(Native::Nuget(Nuget { entry: manifest.entry })),
        status: Status::Published,
        tags: Vec::new(),
    };
    external::refresh(call.codeartifact, reading::repository(call)?, package).await?;
    let repository = call.address.repository.clone();
    let advisories = call.codeartifact.advisories.current();
    let write = call
        .codeartifact
        .store
        .write(move |tx| publishing::publish(tx, &advisories, &repository, &publication, now));
    write.await?;
    Ok(())
}
