//! A source of NuGet, version 3 of its protocol, as `dotnet` and `nuget` use it.
//! Source: NuGet documentation, "NuGet Server API"; CodeArtifact User Guide, "Using CodeArtifact with NuGet".

pub mod manifest;
mod push;
mod registration;
mod search;

use aws::http::{Body, Response};
use http::{Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::answer::{self, Refusal, typed};
use super::documents::Document;
use super::zipped::{self, Found as Zipped};
use super::{Action, Call, file, listing, reading};
use crate::error::{Error, Resource};
use crate::names::{Coordinates, Format};
use crate::packages::chain;
use crate::records::Status;
use crate::versions;
use crate::versions::nuget;

const JSON: &str = "application/json";
/// Source: NuGet documentation, ".nuspec reference", `id`.
const LONGEST_ID: usize = 100;
const LONGEST_VERSION: usize = 255;

/// Answers a request to a repository's NuGet endpoint.
pub async fn serve(call: Call<'_>, body: Body) -> Result<Response, Refusal> {
    let decoded = percent_decode_str(&call.address.rest).decode_utf8();
    let rest = decoded.map_err(|_| Refusal::bad("The address is not UTF-8."))?.into_owned();
    let segments: Vec<&str> = rest.split('/').collect();
    let method = call.parts.method.clone();
    let is_read = matches!(method, Method::GET | Method::HEAD);
    match segments.as_slice() {
        ["v3", "index.json"] if is_read => index(&call).await,
        ["v3", "flatcontainer", id, "index.json"] if is_read => numbers(&call, &coordinates(id)?).await,
        ["v3", "flatcontainer", id, version, name] if is_read => {
            content(&call, &coordinates(id)?, &number(version)?, name).await
        }
        ["v3", "registration", id, "index.json"] if is_read => {
            registration::index(&call, &coordinates(id)?).await
        }
        ["v3", "registration", id, leaf] if is_read => {
            let version = leaf.strip_suffix(".json").ok_or_else(nothing)?;
            registration::leaf(&call, &coordinates(id)?, &number(version)?).await
        }
        ["v3", "search"] if is_read => search::search(&call).await,
        ["v3", "autocomplete"] if is_read => search::autocomplete(&call).await,
        ["v3", "package"] | ["v3", "package", ""] if method == Method::PUT => push::take(call, body).await,
        ["v3", "package", id, version] if matches!(method, Method::DELETE | Method::POST) => {
            let (package, version) = (coordinates(id)?, number(version)?);
            let (status, done) = match method {
                Method::DELETE => (Status::Unlisted, StatusCode::NO_CONTENT),
                _ => (Status::Published, StatusCode::OK),
            };
            listing::become_status(&call.acting(Action::PutMetadata), &package, &version, status).await?;
            let mut response = typed("text/plain; charset=utf-8", "");
            *response.status_mut() = done;
            Ok(response)
        }
        _ => Err(nothing()),
    }
}

fn nothing() -> Refusal {
    Refusal::not_found(
        "There is nothing at this address: the source is v3/index.json, of version 3 of the protocol.",
    )
}

/// Errors: 404 for what no package can be called.
fn coordinates(id: &str) -> Result<Coordinates, Refusal> {
    if is_id(id) {
        return Ok(Coordinates::normal(Format::Nuget, "", id));
    }
    Err(Refusal::not_found("This is not the id of a package."))
}

/// Words of letters, digits and `_`, with one `.` or `-` between two of them.
fn is_id(id: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    id.len() <= LONGEST_ID && id.split(['.', '-']).all(is_word)
}

fn number(version: &str) -> Result<String, Refusal> {
    let is_version = version.len() <= LONGEST_VERSION && nuget::parse(version).is_some();
    if is_version { Ok(nuget::normal(version)) } else { Err(Refusal::not_found("This is no version.")) }
}

/// The name of the one asset of a version.
fn asset(package: &Coordinates, version: &str) -> String {
    format!("{}.{version}.nupkg", package.name)
}

/// Where clients find the rest.
async fn index(call: &Call<'_>) -> Result<Response, Refusal> {
    let base = format!("{}v3/", call.base());
    let mut resources = Vec::new();
    for (path, types) in [
        ("flatcontainer/", &["PackageBaseAddress/3.0.0"][..]),
        (
            "registration/",
            &["RegistrationsBaseUrl", "RegistrationsBaseUrl/3.4.0", "RegistrationsBaseUrl/3.6.0"],
        ),
        ("search", &["SearchQueryService", "SearchQueryService/3.0.0-rc", "SearchQueryService/3.5.0"]),
        ("autocomplete", &["SearchAutocompleteService", "SearchAutocompleteService/3.0.0-rc"]),
        ("package", &["PackagePublish/2.0.0"]),
    ] {
        resources.extend(types.iter().map(|kind| json!({ "@id": format!("{base}{path}"), "@type": kind })));
    }
    let told = json!({ "version": "3.0.0", "resources": resources });
    let work = Box::pin(async { Ok(told.to_string().into_bytes()) });
    let body = call.carried_out(Action::Read, None, None, work).await?;
    Ok(json_document(call, Document::of(body)))
}

fn json_document(call: &Call<'_>, document: Document) -> Response {
    answer::document(JSON, document, call.header(header::IF_NONE_MATCH))
}

/// The versions of a package: also those that are not listed, which may be asked for by those who know them.
async fn numbers(call: &Call<'_>, package: &Coordinates) -> Result<Response, Refusal> {
    let coordinates = package.clone();
    let work = Box::pin(reading::document(call, package, "versions", String::new(), move |tx, _, links| {
        let versions = chain::versions(tx, links, &coordinates)?;
        let versions = registration::shown(&versions);
        if versions.is_empty() {
            return Err(no_package(&coordinates));
        }
        let numbers: Vec<&str> = versions.iter().map(|version| version.version.as_str()).collect();
        Ok(json!({ "versions": numbers }).to_string().into_bytes())
    }));
    let document = call.carried_out(Action::Read, Some(package), None, work).await?;
    Ok(json_document(call, document))
}

fn no_package(package: &Coordinates) -> Error {
    let message = format!("Package {} is not in the repository.", package.name);
    Error::not_found(package.resource(), message)
}

/// The archive of a version, or the manifest out of it.
async fn content(
    call: &Call<'_>,
    package: &Coordinates,
    version: &str,
    name: &str,
) -> Result<Response, Refusal> {
    let archive = asset(package, version);
    let is_manifest = name.eq_ignore_ascii_case(&format!("{}.nuspec", package.name));
    if !is_manifest && !name.eq_ignore_ascii_case(&archive) {
        return Err(nothing());
    }
    let work = Box::pin(reading::asset(call, package, version, &archive));
    let asset = call.carried_out(Action::Read, Some(package), Some(version), work).await?;
    if !is_manifest {
        return file::send(call, &asset, "application/octet-stream").await;
    }
    let blobs = &call.codeartifact.blobs;
    match zipped::find(blobs, asset.blob, asset.size, manifest::is_path, manifest::LONGEST).await? {
        Zipped::File(text) => {
            let known = call.header(header::IF_NONE_MATCH);
            Ok(answer::document("text/xml", Document::of(text), known))
        }
        Zipped::Nothing | Zipped::TooLarge => {
            let message = format!("The manifest of {archive} cannot be read.");
            Err(Error::not_found(Resource::asset(name), message).into())
        }
    }
}

/// What a push says, in the normal form of its versions.
fn normal(version: &str) -> Result<String, Error> {
    if version.len() > LONGEST_VERSION || nuget::parse(version).is_none() {
        return Err(Error::field(format!("{version} is not a version of nuget.")));
    }
    versions::normal(Format::Nuget, version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_words() {
        for id in ["A", "Newtonsoft.Json", "a-b.c_d", "1"] {
            assert!(is_id(id), "{id}");
        }
        for id in ["", ".", "a..b", "a-", "-a", "a b", "a/b", "\u{e9}", &"a".repeat(101)] {
            assert!(!is_id(id), "{id}");
        }
    }
}
