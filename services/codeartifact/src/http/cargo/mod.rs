//! The registry of cargo: a sparse index, and what `cargo publish`, `yank` and `search` talk to.
//! Source: The Cargo Book, "Running a Registry"; CodeArtifact User Guide, "Using CodeArtifact with Cargo".

pub mod index;
mod publish;

use aws::http::{Body, Response};
use http::{Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

pub use self::publish::LARGEST as LARGEST_PUBLICATION;
use super::answer::{self, Refusal, typed};
use super::documents::Document;
use super::search::Hits;
use super::{Action, Call, file, listing, reading, search};
use crate::error::Error;
use crate::names::{Coordinates, Format};
use crate::package_names::is_crate_name;
use crate::packages::{chain, find_package};
use crate::records::Status;
use crate::versions;

const JSON: &str = "application/json";
const SIZE: usize = 10;
const LARGEST: usize = 100;
const OWNERS: &str =
    "Owners are not supported, as in AWS CodeArtifact: who may publish is decided by policies.";

/// Answers a request to a repository's Cargo endpoint.
pub async fn serve(call: Call<'_>, body: Body) -> Result<Response, Refusal> {
    let decoded = percent_decode_str(&call.address.rest).decode_utf8();
    let rest = decoded.map_err(|_| Refusal::bad("The address is not UTF-8."))?.into_owned();
    let segments: Vec<&str> = rest.split('/').collect();
    let method = call.parts.method.clone();
    let is_read = matches!(method, Method::GET | Method::HEAD);
    match segments.as_slice() {
        ["config.json"] if is_read => config(&call).await,
        ["api", "v1", "crates", "new"] if method == Method::PUT => publish::take(call, body).await,
        ["api", "v1", "crates"] if is_read => found(&call).await,
        ["api", "v1", "crates", name, version, "download"] if is_read => download(&call, name, version).await,
        ["api", "v1", "crates", name, version, "yank"] if method == Method::DELETE => {
            become_status(call.acting(Action::PutMetadata), name, version, Status::Unlisted).await
        }
        ["api", "v1", "crates", name, version, "unyank"] if method == Method::PUT => {
            become_status(call.acting(Action::PutMetadata), name, version, Status::Published).await
        }
        ["api", "v1", "crates", _, "owners"] => Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, OWNERS)),
        path if is_read && index::is_path(path) => {
            lines(&call, path.last().copied().unwrap_or_default()).await
        }
        _ => Err(Refusal::not_found("There is nothing at this address of the registry.")),
    }
}

/// Errors: 404 for what no crate can be called.
fn coordinates(name: &str) -> Result<Coordinates, Refusal> {
    if is_crate_name(name) {
        return Ok(Coordinates::normal(Format::Cargo, "", name));
    }
    Err(Refusal::not_found("This is not the name of a crate."))
}

/// Where cargo finds the rest. All of it needs a token, and cargo sends one only if that is said here.
async fn config(call: &Call<'_>) -> Result<Response, Refusal> {
    let base = call.base();
    let api = base.trim_end_matches('/');
    let told =
        json!({ "dl": format!("{api}/api/v1/crates"), "api": api, "auth-required": !call.is_anonymous });
    let work = Box::pin(async { Ok(told.to_string().into_bytes()) });
    let body = call.carried_out(Action::Read, None, None, work).await?;
    Ok(answer::document(JSON, Document::of(body), call.header(header::IF_NONE_MATCH)))
}

/// The lines of a crate in the index.
async fn lines(call: &Call<'_>, name: &str) -> Result<Response, Refusal> {
    let package = coordinates(name)?;
    let coordinates = package.clone();
    let work =
        Box::pin(reading::document(call, &package, "index", String::new(), move |tx, repository, links| {
            let versions = chain::versions(tx, links, &coordinates)?;
            let lines = index::lines(&versions);
            if lines.is_empty() {
                find_package(tx, repository, &coordinates)?;
                let message = format!("Crate {} has no version that is listed.", coordinates.name);
                return Err(Error::not_found(coordinates.resource(), message));
            }
            Ok(lines.into_bytes())
        }));
    let document = call.carried_out(Action::Read, Some(&package), None, work).await?;
    Ok(answer::document("text/plain; charset=utf-8", document, call.header(header::IF_NONE_MATCH)))
}

async fn download(call: &Call<'_>, name: &str, version: &str) -> Result<Response, Refusal> {
    let package = coordinates(name)?;
    let number =
        versions::normal(Format::Cargo, version).map_err(|_| Refusal::not_found("This is no version."))?;
    let asset = index::asset(&package.name, &number);
    let work = Box::pin(reading::asset(call, &package, &number, &asset));
    let asset = call.carried_out(Action::Read, Some(&package), Some(&number), work).await?;
    file::send(call, &asset, "application/octet-stream").await
}

/// A yanked version is one that is not listed: who has it in a lock file can go on using it.
async fn become_status(
    call: Call<'_>,
    name: &str,
    version: &str,
    status: Status,
) -> Result<Response, Refusal> {
    let package = coordinates(name)?;
    let number =
        versions::normal(Format::Cargo, version).map_err(|_| Refusal::not_found("This is no version."))?;
    listing::become_status(&call, &package, &number, status).await?;
    Ok(typed(JSON, json!({ "ok": true }).to_string()))
}

async fn found(call: &Call<'_>) -> Result<Response, Refusal> {
    let size =
        call.query("per_page").and_then(|size| size.parse::<usize>().ok()).unwrap_or(SIZE).min(LARGEST);
    let work = Box::pin(search::search(call, Format::Cargo, call.query("q"), 0, size));
    let Hits { total, page } = call.carried_out(Action::Read, None, None, work).await?;
    let crates: Vec<Value> = page
        .iter()
        .map(|version| {
            let metadata = &version.contents.metadata;
            let name = metadata.display_name.as_ref().unwrap_or(&version.coordinates.name);
            json!({ "name": name, "max_version": version.version, "description": metadata.summary })
        })
        .collect();
    let told = json!({ "crates": crates, "meta": { "total": total } }).to_string();
    Ok(answer::document(JSON, Document::of(told.into_bytes()), call.header(header::IF_NONE_MATCH)))
}
