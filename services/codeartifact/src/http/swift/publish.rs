//! Publishing a release: a form with its archive, and what is said of it. Source: SE-0391.

use std::collections::BTreeMap;

use aws::Timestamp;
use aws::http::{Body, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{self, HeaderName};
use multer::Field;
use serde_json::{Value, json};

use super::super::answer::{Refusal, set, typed};
use super::super::form::{self, Form};
use super::super::zipped::{self, Found};
use super::super::{Action, Call, reading};
use super::{LONGEST_MANIFEST, asset_name, is_manifest};
use crate::content::{LARGEST_ASSET, Received, Receiver};
use crate::error::Error;
use crate::external;
use crate::names::Coordinates;
use crate::packages::publishing::{self, Publication};
use crate::records::{Asset, Metadata, Native, Status, Swift};

const FILES: [&str; 3] = ["source-archive", "source-archive-signature", "metadata-signature"];
const FORMAT: HeaderName = HeaderName::from_static("x-swift-package-signature-format");
/// In bytes.
const LARGEST_SIGNATURE: usize = 256 * 1024;

/// Takes a form. The policies are asked before the archive is read.
pub async fn take(
    call: Call<'_>,
    package: Coordinates,
    version: String,
    body: Body,
) -> Result<Response, Refusal> {
    let call = call.acting(Action::Publish);
    if call.is_anonymous {
        return Err(Refusal::unauthenticated("An authorization token is required."));
    }
    let form = Form::of(call.header(header::CONTENT_TYPE), body)?.with_files(&FILES);
    let work = Box::pin(publish(&call, &package, &version, form));
    call.carried_out(Action::Publish, Some(&package), Some(&version), work).await?;
    let mut response =
        typed("application/json", json!({ "message": "The release is published." }).to_string());
    *response.status_mut() = StatusCode::CREATED;
    let address = format!("{}{}/{}/{version}", call.base(), package.namespace, package.name);
    set(&mut response, header::LOCATION, &address);
    Ok(response)
}

async fn publish(call: &Call<'_>, package: &Coordinates, version: &str, mut form: Form) -> Result<(), Error> {
    let told = |refusal: Refusal| Error::field(refusal.message());
    let (mut received, mut signature) = (None, None);
    while let Some(file) = form.next_file().await.map_err(told)? {
        match file.name() {
            Some("source-archive") if received.is_none() => received = Some(receive(call, file).await?),
            Some("source-archive-signature") if signature.is_none() => signature = Some(small(file).await?),
            Some("metadata-signature") => {
                small(file).await?;
            }
            name => {
                let name = name.unwrap_or_default().to_owned();
                return Err(Error::field(format!("The form has a part that does not belong there: {name}.")));
            }
        }
    }
    let received: Received = received.ok_or_else(|| Error::field("The form has no source-archive."))?;
    check_inside(call, &received).await?;
    let said = form.texts.get("metadata").map(serde_json::from_str::<Value>);
    let said = said.unwrap_or_else(|| Ok(json!({}))).ok().filter(Value::is_object);
    let said = said.ok_or_else(|| Error::field("The metadata of the form is no object in JSON."))?;
    let signature_format = call.header(FORMAT).map(str::to_owned).filter(|_| signature.is_some());
    let now = Timestamp::now();
    let publication = Publication {
        coordinates: package.clone(),
        version: version.to_owned(),
        assets: BTreeMap::from([(asset_name(package, version), Asset::of(&received, None, now))]),
        ticket: received.ticket,
        metadata: metadata(package, &said),
        native: Some(Native::Swift(Swift { metadata: said, signature, signature_format })),
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

async fn receive(call: &Call<'_>, mut file: Field<'static>) -> Result<Received, Error> {
    let mut receiver = Receiver::begin(&call.codeartifact.blobs, LARGEST_ASSET).await?;
    while let Some(piece) =
        file.chunk().await.map_err(|error| Error::field(form::malformed(error).message()))?
    {
        receiver.write(piece).await?;
    }
    receiver.finish(&call.codeartifact.store).await
}

/// A signature, in Base64. Errors: `Validation` if it is too large.
async fn small(mut file: Field<'static>) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while let Some(piece) =
        file.chunk().await.map_err(|error| Error::field(form::malformed(error).message()))?
    {
        bytes.extend_from_slice(&piece);
        if bytes.len() > LARGEST_SIGNATURE {
            return Err(Error::field("A signature of the form is too large."));
        }
    }
    Ok(STANDARD.encode(bytes))
}

/// Errors: `Validation` for an archive without a manifest.
async fn check_inside(call: &Call<'_>, received: &Received) -> Result<(), Error> {
    let is_it = |path: &str| is_manifest(path, "Package.swift");
    let blobs = &call.codeartifact.blobs;
    match zipped::find(blobs, received.blob, received.size, is_it, LONGEST_MANIFEST).await? {
        Found::File(_) => Ok(()),
        Found::Nothing => Err(Error::field("The archive has no Package.swift.")),
        Found::TooLarge => Err(Error::field("The Package.swift of the archive is too large to be read.")),
    }
}

fn metadata(package: &Coordinates, said: &Value) -> Metadata {
    let text = |member: &str| said.get(member).and_then(Value::as_str).map(str::to_owned);
    let urls = said.get("repositoryURLs").and_then(Value::as_array);
    let repository = urls.and_then(|urls| urls.first()?.as_str()).map(str::to_owned);
    Metadata {
        display_name: Some(package.shown()),
        summary: text("description"),
        home_page: None,
        source_code: repository,
        licenses: text("licenseURL").into_iter().collect(),
        readme: None,
        dependencies: Vec::new(),
    }
}
