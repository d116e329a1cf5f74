//! A registry of Swift packages, version 1 of its protocol, as SwiftPM uses it.
//! Source: Swift Evolution SE-0292, SE-0321, SE-0391; CodeArtifact User Guide, "Using CodeArtifact with Swift".

mod publish;
mod releases;

use aws::http::{Body, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderName};
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::answer::{self, Refusal, set, typed};
use super::documents::Document;
use super::zipped::{self, Found};
use super::{Action, Call, file, reading};
use crate::error::{Error, Resource};
use crate::names::{Coordinates, Format};
use crate::records::Asset;
use crate::versions;

const JSON: &str = "application/json";
const CONTENT_VERSION: HeaderName = HeaderName::from_static("content-version");
const DIGEST: HeaderName = HeaderName::from_static("digest");
/// Source: SE-0292, "Package scope", "Package name".
const LONGEST_SCOPE: usize = 39;
const LONGEST_NAME: usize = 100;
const LONGEST_VERSION: usize = 255;
/// Of a manifest, in bytes.
const LONGEST_MANIFEST: u64 = 1024 * 1024;
const ACCEPTED: &str = "application/vnd.swift.registry";

/// Answers a request to a repository's Swift endpoint.
pub async fn serve(call: Call<'_>, body: Body) -> Result<Response, Refusal> {
    let decoded = percent_decode_str(&call.address.rest).decode_utf8();
    let rest = decoded.map_err(|_| Refusal::bad("The address is not UTF-8."))?.into_owned();
    let segments: Vec<&str> = rest.split('/').collect();
    let method = call.parts.method.clone();
    let is_read = matches!(method, Method::GET | Method::HEAD);
    check_version(&call)?;
    let mut response = match segments.as_slice() {
        ["login"] if method == Method::POST => login(&call).await,
        ["identifiers"] if is_read => releases::identifiers(&call).await,
        [scope, name] if is_read => {
            let name = name.strip_suffix(".json").unwrap_or(name);
            releases::list(&call, &coordinates(scope, name)?).await
        }
        [scope, name, version] if method == Method::PUT => {
            let package = coordinates(scope, name).map_err(|refusal| Refusal::bad(refusal.message()))?;
            let version = number(version).map_err(|refusal| Refusal::bad(refusal.message()))?;
            publish::take(call, package, version, body).await
        }
        [scope, name, last] if is_read => {
            let package = coordinates(scope, name)?;
            match last.strip_suffix(".zip") {
                Some(version) => archive(&call, &package, &number(version)?).await,
                None => {
                    releases::one(&call, &package, &number(last.strip_suffix(".json").unwrap_or(last))?).await
                }
            }
        }
        [scope, name, version, "Package.swift"] if is_read => {
            manifest(&call, &coordinates(scope, name)?, &number(version)?).await
        }
        _ => Err(Refusal::not_found("There is nothing at this address of the registry.")),
    }?;
    response.headers_mut().insert(CONTENT_VERSION, HeaderValue::from_static("1"));
    Ok(response)
}

/// A client that asks for the registry's media types must ask for version 1 of them. Errors: 400, 415.
fn check_version(call: &Call<'_>) -> Result<(), Refusal> {
    let accept = call.header(header::ACCEPT).unwrap_or_default();
    let Some(asked) = accept.split(',').find_map(|range| range.trim().strip_prefix(ACCEPTED)) else {
        return Ok(());
    };
    let asked = asked.split(';').next().unwrap_or_default();
    let (version, kind) = asked.split_once('+').unwrap_or((asked, "json"));
    if !matches!(version, "" | ".v1") {
        return Err(Refusal::bad("Version 1 of the registry's protocol is served, and no other."));
    }
    if !matches!(kind, "json" | "swift" | "zip") {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The media type is not one of the registry's.",
        ));
    }
    Ok(())
}

/// Whether a token is good.
async fn login(call: &Call<'_>) -> Result<Response, Refusal> {
    if call.is_anonymous {
        return Err(Refusal::unauthenticated("An authorization token is required."));
    }
    call.carried_out(Action::Read, None, None, Box::pin(async { Ok(()) })).await?;
    Ok(typed("text/plain; charset=utf-8", ""))
}

/// Errors: 404 for what no package can be called.
fn coordinates(scope: &str, name: &str) -> Result<Coordinates, Refusal> {
    let is_word = |text: &str, longest: usize, marks: &[u8]| {
        let alone =
            |text: &str| !text.as_bytes().windows(2).any(|two| two.iter().all(|byte| marks.contains(byte)));
        (1..=longest).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
            && !text.bytes().next().is_some_and(|byte| marks.contains(&byte))
            && !text.bytes().last().is_some_and(|byte| marks.contains(&byte))
            && alone(text)
    };
    if is_word(scope, LONGEST_SCOPE, b"-") && is_word(name, LONGEST_NAME, b"-_") {
        return Ok(Coordinates::normal(Format::Swift, scope, name));
    }
    Err(Refusal::not_found("This is not the scope and name of a package."))
}

fn number(version: &str) -> Result<String, Refusal> {
    let normal = versions::normal(Format::Swift, version).ok().filter(|_| version.len() <= LONGEST_VERSION);
    normal.ok_or_else(|| Refusal::not_found("This is no version: it must be one of SemVer 2."))
}

/// The name of the one asset of a version.
fn asset_name(package: &Coordinates, version: &str) -> String {
    format!("{}-{version}.zip", package.name)
}

async fn asset(call: &Call<'_>, package: &Coordinates, version: &str) -> Result<Asset, Refusal> {
    let name = asset_name(package, version);
    let work = Box::pin(async { reading::asset(call, package, version, &name).await });
    call.carried_out(Action::Read, Some(package), Some(version), work).await
}

async fn archive(call: &Call<'_>, package: &Coordinates, version: &str) -> Result<Response, Refusal> {
    let asset = asset(call, package, version).await?;
    let mut response = file::send(call, &asset, "application/zip").await?;
    let digest = STANDARD.encode(hex::decode(asset.blob.to_string()).unwrap_or_default());
    set(&mut response, DIGEST, &format!("sha-256={digest}"));
    let shown = format!("attachment; filename=\"{}\"", asset_name(package, version));
    set(&mut response, header::CONTENT_DISPOSITION, &shown);
    Ok(response)
}

/// Whether it is there that an archive has a manifest: in the one folder that all is in, or outside of any.
fn is_manifest(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|folder| {
        folder.is_empty() || (folder.ends_with('/') && folder.matches('/').count() == 1)
    })
}

/// The manifest of a version, or the one for a version of Swift; where there is none, the client is sent to the former.
async fn manifest(call: &Call<'_>, package: &Coordinates, version: &str) -> Result<Response, Refusal> {
    let asset = asset(call, package, version).await?;
    let swift = call.query("swift-version");
    let name = match &swift {
        None => "Package.swift".to_owned(),
        Some(swift) if is_tools_version(swift) => format!("Package@swift-{swift}.swift"),
        Some(_) => return Err(Refusal::bad("The version of Swift is not valid.")),
    };
    let blobs = &call.codeartifact.blobs;
    let wanted = name.clone();
    let is_it = move |path: &str| is_manifest(path, &wanted);
    match zipped::find(blobs, asset.blob, asset.size, is_it, LONGEST_MANIFEST).await? {
        Found::File(text) => {
            let known = call.header(header::IF_NONE_MATCH);
            let mut response = answer::document("text/x-swift", Document::of(text), known);
            set(&mut response, header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""));
            if swift.is_none() {
                alternates(call, &asset, &mut response).await?;
            }
            Ok(response)
        }
        Found::Nothing if swift.is_some() => {
            let mut response =
                typed("text/plain; charset=utf-8", "There is no manifest for this version of Swift.\n");
            *response.status_mut() = StatusCode::SEE_OTHER;
            let address =
                format!("{}{}/{}/{version}/Package.swift", call.base(), package.namespace, package.name);
            set(&mut response, header::LOCATION, &address);
            Ok(response)
        }
        Found::Nothing | Found::TooLarge => {
            let message = format!("The manifest of version {version} cannot be read.");
            Err(Error::not_found(Resource::asset("Package.swift"), message).into())
        }
    }
}

/// The manifests for versions of Swift that there are, too.
async fn alternates(call: &Call<'_>, asset: &Asset, response: &mut Response) -> Result<(), Error> {
    let is_it = |path: &str| {
        let file = path.rsplit('/').next().unwrap_or_default();
        tools_version(file).is_some() && is_manifest(path, file)
    };
    let paths = zipped::paths(&call.codeartifact.blobs, asset.blob, asset.size, is_it).await?;
    let links: Vec<String> = paths
        .iter()
        .filter_map(|path| {
            let file = path.rsplit('/').next()?;
            let version = tools_version(file)?;
            let address = format!("{}{}", call.base(), call.address.rest);
            Some(format!("<{address}?swift-version={version}>; rel=\"alternate\"; filename=\"{file}\"; swift-tools-version=\"{version}\""))
        })
        .collect();
    if !links.is_empty() {
        set(response, header::LINK, &links.join(", "));
    }
    Ok(())
}

/// `Package@swift-5.9.swift` → `5.9`.
fn tools_version(file: &str) -> Option<&str> {
    file.strip_prefix("Package@swift-")?.strip_suffix(".swift").filter(|version| is_tools_version(version))
}

fn is_tools_version(text: &str) -> bool {
    let is_number =
        |part: &str| (1..=5).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').count() <= 3 && text.split('.').all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_a_scope_and_a_name() {
        let package = coordinates("Mona", "Linked_List").unwrap();
        assert_eq!((package.namespace.as_str(), package.name.as_str()), ("mona", "linked_list"));
        for (scope, name) in [
            ("", "a"),
            ("a", ""),
            ("-a", "b"),
            ("a-", "b"),
            ("a--b", "c"),
            ("a_b", "c"),
            ("a", "b__c"),
            ("a", "b/c"),
            ("a", ".."),
        ] {
            assert!(coordinates(scope, name).is_err(), "{scope}.{name}");
        }
        assert!(coordinates(&"a".repeat(40), "b").is_err() && coordinates("a", &"b".repeat(101)).is_err());
    }

    #[test]
    fn manifests_are_at_the_top() {
        for path in ["Package.swift", "list-1.0.0/Package.swift"] {
            assert!(is_manifest(path, "Package.swift"), "{path}");
        }
        for path in ["a/b/Package.swift", "NoPackage.swift", "a/Package.swift/b"] {
            assert!(!is_manifest(path, "Package.swift"), "{path}");
        }
        assert_eq!(
            (tools_version("Package@swift-5.9.swift"), tools_version("Package@swift-x.swift")),
            (Some("5.9"), None)
        );
    }
}
