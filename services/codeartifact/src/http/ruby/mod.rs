//! A source of gems, as `gem` and Bundler use it: the compact index, specifications, archives, push and yank.
//! Source: RubyGems guides, "Compact Index API", "RubyGems.org API"; CodeArtifact User Guide, "Using CodeArtifact with Ruby".

mod compact;
pub mod gem;
mod marshal;
mod push;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;

use aws::http::{Body, BodyError, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use futures_util::stream;
use http::header::{self, HeaderName};
use http::{Method, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use md5::{Digest as _, Md5};
use percent_encoding::percent_decode_str;
use sha2::Sha256;
use store::ReadTx;

use super::answer::{self, Refusal, set, typed};
use super::documents::Document;
use super::{Action, Call, file, listing, read_body, reading};
use crate::error::Error;
use crate::external::{self, Connection};
use crate::names::{Coordinates, Format};
use crate::packages::chain::{self, Found, Link};
use crate::packages::no_such_version;
use crate::records::{Asset, External, Native, Package, Repository, Status};
use crate::versions::{compare, ruby};

const TEXT: &str = "text/plain; charset=utf-8";
const LONGEST: usize = 100;
const LARGEST_FORM: usize = 16 * 1024;
/// Gems that the lists of all can have. Source: CodeArtifact User Guide, "Ruby command support".
const MOST_GEMS: usize = 5_000;
/// Ways to tell the version from the name in the name of a file.
const MOST_SPLITS: usize = 8;
const DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// Answers a request to a repository's Ruby endpoint.
pub async fn serve(call: Call<'_>, body: Body) -> Result<Response, Refusal> {
    let decoded = percent_decode_str(&call.address.rest).decode_utf8();
    let rest = decoded.map_err(|_| Refusal::bad("The address is not UTF-8."))?.into_owned();
    let segments: Vec<&str> = rest.split('/').collect();
    let method = call.parts.method.clone();
    let is_read = matches!(method, Method::GET | Method::HEAD);
    match segments.as_slice() {
        // Whether there is a compact index at all: older versions of gem ask for the source itself.
        ["" | "versions"] if method == Method::HEAD => {
            call.carried_out(Action::Read, None, None, Box::pin(async { Ok(()) })).await?;
            Ok(typed(TEXT, ""))
        }
        ["versions"] if is_read => all_versions(&call).await,
        ["names"] if is_read => all_names(&call).await,
        ["info", name] if is_read => info(&call, &coordinates(name)?).await,
        ["gems", name] if is_read => {
            let (_, _, asset) = found(&call, name.strip_suffix(".gem").ok_or_else(nothing)?).await?;
            file::send(&call, &asset, "application/octet-stream").await
        }
        ["quick", "Marshal.4.8", name] if is_read => {
            specification(&call, name.strip_suffix(".gemspec.rz").ok_or_else(nothing)?).await
        }
        ["api", "v1", "gems"] if method == Method::POST => push::take(call, body).await,
        ["api", "v1", "gems", "yank"] if method == Method::DELETE => yank(call, body).await,
        _ => Err(nothing()),
    }
}

fn nothing() -> Refusal {
    Refusal::not_found("There is nothing at this address: gems are listed by the compact index.")
}

/// Errors: 404 for what no gem can be called.
fn coordinates(name: &str) -> Result<Coordinates, Refusal> {
    if is_name(name) {
        return Ok(Coordinates::normal(Format::Ruby, "", name));
    }
    Err(Refusal::not_found("This is not the name of a gem."))
}

pub fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    name.len() <= LONGEST
        && name.bytes().all(fits)
        && name.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !name.starts_with(['.', '-', '_'])
}

pub fn is_platform(platform: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=LONGEST).contains(&platform.len()) && platform.bytes().all(fits)
}

/// The name of a version: that of all platforms is the number alone.
fn version_of(number: &str, platform: &str) -> String {
    if platform == "ruby" { number.to_owned() } else { format!("{number}-{platform}") }
}

/// The name of the one asset of a version.
fn asset_name(package: &Coordinates, version: &str) -> String {
    format!("{}-{version}.gem", package.name)
}

/// The versions that clients see, in their order.
fn shown(tx: &mut ReadTx<'_>, links: &[Link], package: &Coordinates) -> Result<Vec<Found>, Error> {
    let all = chain::versions(tx, links, package)?.into_values();
    let mut shown: Vec<Found> = all.filter(|found| found.version.status.is_listed()).collect();
    shown.sort_by(|a, b| compare(Format::Ruby, &a.version.version, &b.version.version));
    Ok(shown)
}

async fn info(call: &Call<'_>, package: &Coordinates) -> Result<Response, Refusal> {
    let coordinates = package.clone();
    let work = Box::pin(reading::document(call, package, "info", String::new(), move |tx, _, links| {
        let versions = shown(tx, links, &coordinates)?;
        if versions.is_empty() {
            let message = format!(
                "Gem {} is not in the repository, or has no version that is listed.",
                coordinates.name
            );
            return Err(Error::not_found(coordinates.resource(), message));
        }
        Ok(compact::info(&versions).into_bytes())
    }));
    let document = call.carried_out(Action::Read, Some(package), None, work).await?;
    Ok(served(call, document))
}

/// Bundler holds the bytes against the fingerprint, which must be their MD5, or against their digest.
fn served(call: &Call<'_>, document: Document) -> Response {
    served_whole(call, vec![document.body])
}

/// Pieces that are one document together: what others share is not copied.
fn served_whole(call: &Call<'_>, pieces: Vec<Bytes>) -> Response {
    let (mut md5, mut sha256, mut length) = (Md5::new(), Sha256::new(), 0);
    for piece in &pieces {
        md5.update(piece);
        sha256.update(piece);
        length += piece.len();
    }
    let tag = format!("\"{}\"", hex::encode(md5.finalize()));
    let mut response = answer::unless_known(&tag, call.header(header::IF_NONE_MATCH), || {
        let frames = pieces.into_iter().map(|piece| Ok::<_, BodyError>(Frame::data(piece)));
        let mut response = Response::new(StreamBody::new(stream::iter(frames)).boxed_unsync());
        set(&mut response, header::CONTENT_LENGTH, &length.to_string());
        set(&mut response, header::CONTENT_TYPE, TEXT);
        response
    });
    set(&mut response, DIGEST, &format!("sha-256=:{}:", STANDARD.encode(sha256.finalize())));
    response
}

/// The names of all gems of the repository and its upstreams.
async fn all_names(call: &Call<'_>) -> Result<Response, Refusal> {
    let work = Box::pin(async {
        let repository = reading::repository(call)?.clone();
        let read = call.codeartifact.store.read(move |tx| names(tx, &repository, false));
        let lines: String = read.await?.iter().map(|name| format!("{name}\n")).collect();
        Ok(format!("---\n{lines}"))
    });
    let text = call.carried_out(Action::Read, None, None, work).await?;
    Ok(served(call, Document::of(text.into_bytes())))
}

/// The versions of all gems of the repository and its upstreams, each with the hash of its file in the index. Before them stands
/// what the origins list: Bundler asks only for gems that it finds here, and believes the last line about each.
async fn all_versions(call: &Call<'_>) -> Result<Response, Refusal> {
    let work = Box::pin(async {
        let (repository, ca) = (reading::repository(call)?.clone(), call.codeartifact);
        let (of, advisories) = (repository.clone(), ca.advisories.current());
        let connections = ca.store.read(move |tx| connections(tx, &of)).await?;
        let mut pieces =
            vec![Bytes::from(format!("created_at: {}\n---\n", repository.created.to_iso8601_secs()))];
        let mut is_whole = true;
        for connection in connections {
            match external::gems(ca, connection).await {
                Ok(list) => pieces.push(list),
                Err(trouble) => {
                    tracing::warn!(connection, %trouble, "the gems of an origin could not be listed");
                    is_whole = false;
                }
            }
        }
        let read = ca.store.read(move |tx| {
            let mut out = String::new();
            for name in names(tx, &repository, !is_whole)? {
                let package = Coordinates::normal(Format::Ruby, "", &name);
                let links = chain::of(tx, &advisories, &repository, &package)?;
                let versions = shown(tx, &links, &package)?;
                let numbers: Vec<&str> =
                    versions.iter().map(|found| found.version.version.as_str()).collect();
                if !numbers.is_empty() {
                    let hash = hex::encode(Md5::digest(compact::info(&versions)));
                    // Writing to a text cannot fail.
                    let _ = writeln!(out, "{name} {} {hash}", numbers.join(","));
                }
            }
            Ok::<_, Error>(out)
        });
        pieces.push(read.await?.into());
        Ok(pieces)
    });
    let pieces = call.carried_out(Action::Read, None, None, work).await?;
    Ok(served_whole(call, pieces))
}

/// Those through which gems can come in.
fn connections(tx: &mut ReadTx<'_>, repository: &Repository) -> Result<BTreeSet<&'static str>, store::Error> {
    let all = chain::repositories(tx, repository)?;
    let all = all.iter().filter_map(|repository| Connection::named(repository.external_connection.as_ref()?));
    Ok(all.filter(|connection| connection.format == Format::Ruby).map(|connection| connection.name).collect())
}

/// Those that are here; with those that were seen outside where nobody lists them. Errors: `Validation` if there are too many.
fn names(tx: &mut ReadTx<'_>, repository: &Repository, with_seen: bool) -> Result<BTreeSet<String>, Error> {
    let mut names = BTreeSet::new();
    for repository in chain::repositories(tx, repository)? {
        let gems = Package::all_of(repository.id).and(Format::Ruby.as_str());
        let packages = tx.scan::<Package>(gems.clone(), MOST_GEMS + 1)?.into_records();
        names.extend(packages.into_iter().map(|package| package.coordinates.name));
        if with_seen && repository.external_connection.is_some() {
            let seen = tx.scan::<External>(gems, MOST_GEMS)?.into_records().into_iter();
            names.extend(seen.filter(|seen| seen.exists).map(|seen| seen.coordinates.name));
        }
        if names.len() > MOST_GEMS {
            let message = format!(
                "The repository and its upstreams have more than {MOST_GEMS} gems: they are not listed."
            );
            return Err(Error::field(message));
        }
    }
    Ok(names)
}

/// The version that the name of a file says, and its archive. Names have hyphens, too, and versions platforms.
async fn found(call: &Call<'_>, name: &str) -> Result<(Coordinates, String, Asset), Refusal> {
    let is_split = |(at, _): &(usize, &str)| {
        let number = name.get(at + 1..).unwrap_or_default().split('-').next().unwrap_or_default();
        ruby::is_number(number) && is_name(name.get(..*at).unwrap_or_default())
    };
    let splits: Vec<usize> =
        name.match_indices('-').filter(is_split).map(|(at, _)| at).take(MOST_SPLITS).collect();
    let mut refusal = nothing();
    for at in splits {
        let package = coordinates(name.get(..at).unwrap_or_default())?;
        let version = name.get(at + 1..).unwrap_or_default();
        if version.len() > 2 * LONGEST {
            return Err(nothing());
        }
        let asset = asset_name(&package, version);
        let work = Box::pin(reading::asset(call, &package, version, &asset));
        match call.carried_out(Action::Read, Some(&package), Some(version), work).await {
            Ok(asset) => return Ok((package, version.to_owned(), asset)),
            Err(refused) if refused.is_not_found() => refusal = refused,
            Err(refused) => return Err(refused),
        }
    }
    Err(refusal)
}

/// The specification of a gem, as `gem install` reads it.
async fn specification(call: &Call<'_>, name: &str) -> Result<Response, Refusal> {
    let (package, number, _) = found(call, name).await?;
    let coordinates = package.clone();
    let read = reading::along(call, &coordinates, move |tx, repository, links| {
        let native =
            chain::find(tx, links, &package, &number)?.and_then(|found| found.version.contents.native);
        match native {
            Some(Native::Ruby(gem)) => Ok(gem),
            _ => Err(no_such_version(repository, &package, &number)),
        }
    });
    let gem = read.await?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    let written = packed.write_all(&marshal::specification(&gem)).and_then(|()| packed.finish());
    let packed = written.map_err(|error| Error::Internal(error.to_string()))?;
    let known = call.header(header::IF_NONE_MATCH);
    Ok(answer::document("application/octet-stream", Document::of(packed), known))
}

/// A yanked version is one that is not listed: who knows it can have it.
async fn yank(call: Call<'_>, body: Body) -> Result<Response, Refusal> {
    let call = call.acting(Action::PutMetadata);
    if call.is_anonymous {
        return Err(Refusal::unauthenticated("An authorization token is required."));
    }
    let body = read_body(body, LARGEST_FORM).await?;
    let form = aws::protocol::bindings::uri::parameters(&String::from_utf8_lossy(&body));
    let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let package = coordinates(&value("gem_name").unwrap_or_default())?;
    let number = value("version").filter(|number| ruby::is_number(number) && number.len() <= LONGEST);
    let number = number.ok_or_else(|| Refusal::bad("The version is not that of a gem."))?;
    let platform =
        value("platform").filter(|platform| !platform.is_empty()).unwrap_or_else(|| "ruby".to_owned());
    let version = version_of(&number, &platform);
    if !is_platform(&platform) {
        return Err(Refusal::bad("The platform is not valid."));
    }
    listing::become_status(&call, &package, &version, Status::Unlisted).await?;
    Ok(typed(TEXT, format!("Successfully deleted gem: {} ({version})", package.name)))
}

/// What a push answers.
fn registered(package: &Coordinates, version: &str) -> Response {
    let mut response = typed(TEXT, format!("Successfully registered gem: {} ({version})", package.name));
    *response.status_mut() = StatusCode::OK;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_gems_are_told_from_paths() {
        for name in ["rack", "acme-web", "Ruby2D", "a.b_c"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "..", ".a", "-a", "1", "a/b", "a b", &"a".repeat(101)] {
            assert!(!is_name(name), "{name}");
        }
        assert_eq!((version_of("1.0", "ruby"), version_of("1.0", "java")), ("1.0".into(), "1.0-java".into()));
    }
}
