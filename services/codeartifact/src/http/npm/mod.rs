//! The registry of npm. Source: npm's registry documentation ("REGISTRY-API", "package-metadata"), and what the stock
//! client sends; CodeArtifact User Guide, "npm command support".

mod audit;
pub mod manifest;
mod packument;
mod publish;
mod request;
mod search;
mod tags;

use std::sync::Arc;

use aws::http::{Body, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};
use store::ReadTx;

use self::request::NpmRequest;
use super::answer::{self, Refusal, typed};
use super::documents::Document;
use super::reading;
use super::{Action, Call, file};
use crate::error::{Error, Resource};
use crate::names::Coordinates;
use crate::packages::chain::{self, Link};
use crate::packages::no_such_version;
use crate::records::Repository;

/// The one asset of a version, by the name that the API has for it.
pub const TARBALL: &str = "package.tgz";
const JSON: &str = "application/json";
/// What clients ask for who only install.
const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

/// Answers a request to a repository's npm endpoint.
pub async fn serve(call: Call<'_>, body: Body) -> Result<Response, Refusal> {
    let request = NpmRequest::parse(&call.parts.method, &call.address.rest)?;
    match request {
        NpmRequest::Packument(package) => read_packument(&call, &package).await,
        NpmRequest::Manifest { package, version } => read_manifest(&call, &package, &version).await,
        NpmRequest::Tarball { package, version } => read_tarball(&call, &package, &version).await,
        NpmRequest::Put(package) => publish::put(call, &package, body).await,
        NpmRequest::ListTags(package) => tags::list(&call, &package).await,
        NpmRequest::PutTag { package, tag } => {
            tags::put(call.acting(Action::PutMetadata), &package, &tag, body).await
        }
        NpmRequest::DeleteTag { package, tag } => {
            tags::delete(call.acting(Action::PutMetadata), &package, &tag).await
        }
        NpmRequest::Ping => {
            call.carried_out(Action::Read, None, None, Box::pin(async { Ok(typed(JSON, "{}")) })).await
        }
        NpmRequest::Audit(kind) => audit::answer(&call, kind, body).await,
        NpmRequest::Search => search::search(&call).await,
        NpmRequest::Unsupported(why) => Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, why)),
    }
}

fn no_such_package(repository: &Repository, package: &Coordinates) -> Error {
    let message = format!(
        "Package not found in repository. Repository: {}, format: npm, package: {}",
        repository.name,
        package.shown()
    );
    Error::not_found(package.resource(), message)
}

async fn read_packument(call: &Call<'_>, package: &Coordinates) -> Result<Response, Refusal> {
    let is_abbreviated = call.header(header::ACCEPT).is_some_and(|accept| accept.contains(ABBREVIATED));
    let (coordinates, base) = (package.clone(), call.base());
    let media_type = if is_abbreviated { ABBREVIATED } else { JSON };
    let work =
        Box::pin(reading::document(call, package, media_type, base.clone(), move |tx, repository, links| {
            let versions = chain::versions(tx, links, &coordinates)?;
            let tags = packument::tags(links, &versions);
            let document = packument::of(&coordinates, &versions, &tags, &base, is_abbreviated);
            let document = document.ok_or_else(|| no_such_package(repository, &coordinates))?;
            Ok(document.to_string().into_bytes())
        }));
    let document = call.carried_out(Action::Read, Some(package), None, work).await?;
    Ok(answer::document(media_type, document, call.header(header::IF_NONE_MATCH)))
}

/// One version by its number or by a tag.
async fn read_manifest(call: &Call<'_>, package: &Coordinates, wanted: &str) -> Result<Response, Refusal> {
    let (coordinates, base, name) = (package.clone(), call.base(), wanted.to_owned());
    let work = Box::pin(reading::along(call, package, move |tx, repository, links| {
        let versions = chain::versions(tx, links, &coordinates)?;
        let tags = packument::tags(links, &versions);
        let number = tags.get(&name).unwrap_or(&name);
        let found = versions.get(number).filter(|found| found.version.status.is_listed());
        let found = found.and_then(|found| packument::manifest(&found.version, &base));
        found.ok_or_else(|| no_such_version(repository, &coordinates, number))
    }));
    let document: Value = call.carried_out(Action::Read, Some(package), Some(wanted), work).await?;
    let known = call.header(header::IF_NONE_MATCH);
    Ok(answer::document(JSON, Document::of(document.to_string().into_bytes()), known))
}

/// The bytes of a version.
async fn read_tarball(call: &Call<'_>, package: &Coordinates, number: &str) -> Result<Response, Refusal> {
    let work = Box::pin(reading::asset(call, package, number, TARBALL));
    let asset = call.carried_out(Action::Read, Some(package), Some(number), work).await?;
    file::send(call, &asset, "application/octet-stream").await
}

/// What a package is in the repository itself, with what is blocked of it. Errors: `NotFound`.
fn own(tx: &mut ReadTx<'_>, repository: &Repository, package: &Coordinates) -> Result<Vec<Link>, Error> {
    let mut links = chain::of(tx, &Arc::default(), repository, package)?;
    links.truncate(1);
    if links.iter().any(|link| link.package.is_some()) {
        return Ok(links);
    }
    let message = format!(
        "Package {} is not in repository {}. What is only upstream cannot be changed here.",
        package.shown(),
        repository.name
    );
    Err(Error::not_found(Resource::package(&package.shown()), message))
}

/// What clients take for success.
fn done(status: StatusCode) -> Response {
    let mut response = typed(JSON, json!({ "success": true }).to_string());
    *response.status_mut() = status;
    response
}
