//! The package index of Python. Source: PEP 503, 592, 629, 658, 691, 700, 714; what twine sends; CodeArtifact User
//! Guide, "Using CodeArtifact with Python".

mod filename;
mod index;
mod upload;
mod wheel;

use aws::http::{Body, Response};
use http::{Method, StatusCode, header};
use percent_encoding::percent_decode_str;

pub use self::filename::version as file_version;
use self::index::MediaType;
pub use self::wheel::metadata as wheel_metadata;
use super::answer::{self, Refusal, set, typed};
use super::documents::Document;
use super::{Action, Call, file, reading};
use crate::error::{Error, Resource};
use crate::names::{Coordinates, Format};
use crate::package_names::python_name;
use crate::packages::chain;
use crate::records::Asset;
use crate::versions;

/// Longer names are nobody's.
const LONGEST: usize = 255;

/// Answers a request to a repository's PyPI endpoint.
pub async fn serve(call: Call<'_>, body: Body) -> Result<Response, Refusal> {
    let decoded = percent_decode_str(&call.address.rest).decode_utf8();
    let rest = decoded.map_err(|_| Refusal::bad("The address is not UTF-8."))?.into_owned();
    let segments: Vec<&str> = rest.split('/').collect();
    let is_read = matches!(call.parts.method, Method::GET | Method::HEAD);
    match segments.as_slice() {
        [""] | ["legacy", ""] if call.parts.method == Method::POST => upload::take(call, body).await,
        ["simple", name, ""] if is_read && !name.is_empty() => {
            let package = coordinates(name)?;
            if package.name == *name { project(&call, &package).await } else { Ok(moved(&call, &package)) }
        }
        ["simple", name] if is_read && !name.is_empty() => Ok(moved(&call, &coordinates(name)?)),
        ["simple", name, version, file] if is_read => {
            read_file(&call, &coordinates(name)?, version, file).await
        }
        ["simple"] | ["simple", ""] => {
            let message = "The list of all projects is not served, as in AWS CodeArtifact: use ListPackages.";
            Err(Refusal::not_found(message))
        }
        [""] => Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Files are uploaded here with POST.")),
        _ => Err(Refusal::not_found("There is nothing at this address of the index.")),
    }
}

/// Errors: 404 for what no project can be called.
fn coordinates(name: &str) -> Result<Coordinates, Refusal> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let normal = python_name(name);
    if name.len() > LONGEST || normal.is_empty() || !name.bytes().all(fits) {
        return Err(Refusal::not_found("This is not the name of a project."));
    }
    Ok(Coordinates { format: Format::Pypi, namespace: String::new(), name: normal })
}

/// To the page of the project under its normal name.
fn moved(call: &Call<'_>, package: &Coordinates) -> Response {
    let mut response = typed("text/plain; charset=utf-8", "The project is at its normal name.\n");
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    set(&mut response, header::LOCATION, &format!("{}simple/{}/", call.base(), package.name));
    response
}

/// The page of a project, in the form that the client likes best. Errors: 406.
async fn project(call: &Call<'_>, package: &Coordinates) -> Result<Response, Refusal> {
    let accept = call.header(header::ACCEPT);
    let media_type = MediaType::of(accept).ok_or_else(|| {
        let message = format!("The index is served as {}.", MediaType::ALL.map(MediaType::as_str).join(", "));
        Refusal::new(StatusCode::NOT_ACCEPTABLE, message)
    })?;
    let coordinates = package.clone();
    let work = Box::pin(reading::document(
        call,
        package,
        media_type.as_str(),
        String::new(),
        move |tx, repository, links| {
            let versions = chain::versions(tx, links, &coordinates)?;
            let shown = index::shown(&versions);
            if shown.is_empty() {
                let message = format!(
                    "Package not found in repository. Repository: {}, format: pypi, package: {}",
                    repository.name, coordinates.name
                );
                return Err(Error::not_found(coordinates.resource(), message));
            }
            Ok(index::page(&coordinates.name, &shown, media_type).into_bytes())
        },
    ));
    let page = call.carried_out(Action::Read, Some(package), None, work).await?;
    let known = call.header(header::IF_NONE_MATCH);
    Ok(answer::document(media_type.as_str(), page, known))
}

/// A file of a version, or the metadata of a wheel beside it.
async fn read_file(
    call: &Call<'_>,
    package: &Coordinates,
    number: &str,
    name: &str,
) -> Result<Response, Refusal> {
    let normal = versions::normal(Format::Pypi, number);
    let normal = normal.map_err(|_| Refusal::not_found("This is no version of a Python package."))?;
    if let Some(wheel) = name.strip_suffix(".metadata") {
        let work = Box::pin(async {
            let asset = reading::asset(call, package, &normal, wheel).await?;
            asset.python.and_then(|file| file.metadata).ok_or_else(|| {
                let message = format!("There is no metadata of {wheel} apart from the file.");
                Error::not_found(Resource::asset(name), message)
            })
        });
        let metadata = call.carried_out(Action::Read, Some(package), Some(&normal), work).await?;
        let known = call.header(header::IF_NONE_MATCH);
        return Ok(answer::document("text/plain; charset=utf-8", Document::of(metadata.into_bytes()), known));
    }
    let work = Box::pin(reading::asset(call, package, &normal, name));
    let asset: Asset = call.carried_out(Action::Read, Some(package), Some(&normal), work).await?;
    file::send(call, &asset, "application/octet-stream").await
}
