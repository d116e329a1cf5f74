//! `stagewright mirror import`

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use aws::http::{Body, BodyError, full};
use bytes::Bytes;
use codeartifact::bundle::{Bundle, Extent};
use codeartifact::{LARGEST_CARGO_PUBLICATION, LARGEST_NPM_PUBLICATION, maven_files};
use codeartifact_model::PackageVersionStatus;
use futures_util::stream;
use http::{Method, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use pep440_rs::Version;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::source::{Source, wrong};
use super::{Error, hash, warn};
use crate::commands::package::Repository;
use crate::mirror::cargo::Lines;
use crate::mirror::contents::MavenPackage;
use crate::mirror::npm::{Packument, archive};
use crate::mirror::presence::{self, Presence, Step};
use crate::mirror::pypi::File;
use crate::mirror::{self, contents, publication};

const JSON: &str = "application/json";
/// Of a document of a bundle, in bytes.
const LARGEST_DOCUMENT: u64 = 64 * 1024 * 1024;
/// No file has this in it but one that was made for that, and it is refused by its hash.
const BOUNDARY: &str = "stagewright-mirror-7f1c0a52d94e4b6f";

#[derive(clap::Args)]
#[command(
    after_help = "Nothing is published unless the whole bundle is as its manifest says. What the repository has \
    already stays as it is, whatever its status: doing it again publishes what is missing.\n\
    The key needs the permissions sts:GetServiceBearerToken, codeartifact:GetAuthorizationToken, \
    codeartifact:GetRepositoryEndpoint, codeartifact:ListPackageVersions, codeartifact:ListPackageVersionAssets and \
    codeartifact:PublishPackageVersion; for npm codeartifact:ReadFromRepository; for Maven, for names of versions of npm that \
    move and for yanked crates codeartifact:PutPackageMetadata; for yanked versions of PyPI \
    codeartifact:UpdatePackageVersionsStatus."
)]
pub struct Arguments {
    /// What `stagewright mirror export` wrote
    bundle: PathBuf,
    /// The SHA-256 that the export printed, so that it is that bundle and no other
    #[arg(long, value_name = "DIGITS")]
    sha256: Option<String>,
    #[command(flatten)]
    repository: Repository,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    if let Some(sha256) = &arguments.sha256
        && !sha256.eq_ignore_ascii_case(&hash(&arguments.bundle)?)
    {
        let why = "it has another SHA-256 than --sha256 says".to_owned();
        return Err(Error::File { path: arguments.bundle, why });
    }
    let bundle = Bundle::open(&arguments.bundle)?;
    bundle.verify()?;
    let mut packages = Vec::new();
    for (format, names) in &bundle.manifest.packages {
        packages.extend(names.keys().map(|name| (format.clone(), name.clone())));
    }
    for (format, name) in &packages {
        document(&bundle, format, name)?;
    }
    let source = Source::connect(arguments.repository).await?;
    let mut import = Import { source, bundle, sent: 0, kept: 0 };
    for (format, name) in &packages {
        let endpoint = import.source.endpoint(format).await?;
        match document(&import.bundle, format, name)? {
            Document::Npm(packument) => import.npm(&endpoint, name, &packument).await?,
            Document::Pypi(versions) => import.pypi(&endpoint, name, versions).await?,
            Document::Cargo(lines) => import.cargo(&endpoint, name, lines).await?,
            Document::Maven(package) => import.maven(&endpoint, name, package).await?,
        }
    }
    println!("{} files published, {} were there", import.sent, import.kept);
    Ok(ExitCode::SUCCESS)
}

/// What a bundle has of a package.
enum Document {
    Npm(Packument),
    Pypi(BTreeMap<Version, Vec<File>>),
    Cargo(Lines),
    Maven(MavenPackage),
}

/// Errors: also if it is of another package than the manifest says.
fn document(bundle: &Bundle, format: &str, name: &str) -> Result<Document, Error> {
    if format == "maven" {
        let package = contents::maven(name, bundle.manifest.files.keys().map(String::as_str));
        return package.map(Document::Maven).map_err(|why| Error::Package(format!("maven: {why}")));
    }
    let path = match format {
        "npm" | "pypi" => format!("{format}/{name}/index.json"),
        "cargo" => format!("cargo/{}", mirror::cargo::path(name)),
        other => return Err(Error::Package(format!("packages of {other} cannot be imported"))),
    };
    let read = bundle.read(&path, LARGEST_DOCUMENT)?.ok_or_else(|| missing(&path))?;
    let read = match format {
        "npm" => contents::npm(name, &read).map(Document::Npm),
        "pypi" => contents::pypi(name, &read).map(Document::Pypi),
        _ => contents::cargo(name, &read).map(Document::Cargo),
    };
    read.map_err(|why| Error::Package(format!("{path}: {why}")))
}

struct Import {
    source: Source,
    bundle: Bundle,
    sent: usize,
    kept: usize,
}

impl Import {
    async fn npm(&mut self, endpoint: &str, name: &str, packument: &Packument) -> Result<(), Error> {
        let there = self.source.versions("npm", name).await?;
        let escaped = name.replace('/', "%2f");
        let tags_url = format!("{endpoint}-/package/{escaped}/dist-tags");
        let read = if there.is_empty() { None } else { self.source.document(&tags_url, JSON).await? };
        let tags = read.map(|read| serde_json::from_slice(&read)).transpose();
        let tags: BTreeMap<String, String> =
            tags.map_err(|error| wrong(&tags_url, &error.to_string()))?.unwrap_or_default();
        let moved = presence::moved(packument, &tags);
        let stays = tags.get("latest").or(packument.tags.get("latest")).map(String::as_str);
        let latest = moved.get("latest").copied().or(stays).unwrap_or_default();
        for version in publication::npm_order(packument) {
            let path = format!("npm/{name}/{}", archive(name, version));
            let known = self.presence("npm", name, version, &there).await?;
            if self.step(known.as_ref(), None, &path)? == Step::Send {
                let bytes = self.whole(&path, LARGEST_NPM_PUBLICATION as u64)?;
                let document = publication::npm(name, version, packument, &moved, latest, &bytes).to_string();
                let url = format!("{endpoint}{escaped}");
                self.send(Method::PUT, &url, JSON, document.into(), LARGEST_NPM_PUBLICATION).await?;
                continue;
            }
            let may_be_named = is_listed(known.as_ref());
            let own = moved.iter().filter(|(_, named)| may_be_named && **named == version);
            for tag in own.map(|(tag, _)| utf8_percent_encode(tag, NON_ALPHANUMERIC)) {
                let headers = [(header::CONTENT_TYPE, JSON.to_owned())];
                let body = full(Bytes::from(json!(version).to_string()));
                self.source.send(Method::PUT, &format!("{tags_url}/{tag}"), &headers, body).await?;
            }
        }
        Ok(())
    }

    async fn pypi(
        &mut self,
        endpoint: &str,
        name: &str,
        versions: BTreeMap<Version, Vec<File>>,
    ) -> Result<(), Error> {
        let there = self.source.versions("pypi", name).await?;
        for (version, files) in versions {
            let version = version.to_string();
            let known = self.presence("pypi", name, &version, &there).await?;
            let is_yanked = files.iter().all(File::is_yanked);
            for file in files {
                let path = format!("pypi/{name}/{}", file.filename);
                if self.step(known.as_ref(), Some(&file.filename), &path)? != Step::Send {
                    continue;
                }
                let extent = self.bundle.extent(&path).cloned().ok_or_else(|| missing(&path))?;
                let (head, tail) = publication::pypi(name, &version, &file, BOUNDARY);
                let length = (head.len() + tail.len()) as u64 + extent.size;
                let media_type = format!("multipart/form-data; boundary={BOUNDARY}");
                let body = form(head, extent, tail);
                let headers =
                    [(header::CONTENT_TYPE, media_type), (header::CONTENT_LENGTH, length.to_string())];
                self.source.send(Method::POST, endpoint, &headers, body).await?;
                self.sent += 1;
            }
            if is_yanked && is_listed(known.as_ref()) {
                self.source.unlist("pypi", name, &version).await?;
            }
        }
        Ok(())
    }

    async fn cargo(&mut self, endpoint: &str, name: &str, lines: Lines) -> Result<(), Error> {
        let there = self.source.versions("cargo", name).await?;
        for (version, line) in lines {
            let version = version.to_string();
            let path = format!("cargo/crates/{name}/{name}-{version}.crate");
            let known = self.presence("cargo", name, &version, &there).await?;
            if self.step(known.as_ref(), None, &path)? == Step::Send {
                let bytes = self.whole(&path, LARGEST_CARGO_PUBLICATION as u64)?;
                let body = publication::cargo(&line, &bytes).into();
                let url = format!("{endpoint}api/v1/crates/new");
                self.send(Method::PUT, &url, "application/octet-stream", body, LARGEST_CARGO_PUBLICATION)
                    .await?;
            }
            if line.get("yanked") == Some(&Value::Bool(true)) && is_listed(known.as_ref()) {
                let url = format!("{endpoint}api/v1/crates/{name}/{version}/yank");
                self.source.send(Method::DELETE, &url, &[], aws::http::empty()).await?;
            }
        }
        Ok(())
    }

    async fn maven(&mut self, endpoint: &str, name: &str, package: MavenPackage) -> Result<(), Error> {
        let MavenPackage { group, artifact, versions } = package;
        let (folder, there) =
            (maven_files::folder(&group, &artifact), self.source.versions("maven", name).await?);
        let mut unfinished = BTreeSet::new();
        for (version, files) in versions {
            let known = self.presence("maven", name, &version, &there).await?;
            for file in files {
                let path = format!("maven/{folder}/{version}/{file}");
                if self.step(known.as_ref(), Some(&file), &path)? != Step::Send {
                    continue;
                }
                let extent = self.bundle.extent(&path).cloned().ok_or_else(|| missing(&path))?;
                let url = format!("{endpoint}{folder}/{version}/{file}");
                let headers = [(header::CONTENT_LENGTH, extent.size.to_string())];
                let body = form(String::new(), extent, String::new());
                self.source.send(Method::PUT, &url, &headers, body).await?;
                self.sent += 1;
            }
            if known.is_none_or(|known| known.status == PackageVersionStatus::Unfinished) {
                unfinished.insert(version);
            }
        }
        if unfinished.is_empty() {
            return Ok(());
        }
        // With it they are whole.
        let document = maven_files::metadata(&group, &artifact, &unfinished, &BTreeMap::new());
        let url = format!("{endpoint}{folder}/maven-metadata.xml");
        let headers = [(header::CONTENT_TYPE, "application/xml".to_owned())];
        self.source.send(Method::PUT, &url, &headers, full(Bytes::from(document))).await
    }

    /// What the repository has of a version.
    async fn presence(
        &self,
        format: &str,
        name: &str,
        version: &str,
        there: &BTreeMap<String, PackageVersionStatus>,
    ) -> Result<Option<Presence>, Error> {
        let Some(status) = there.get(version) else { return Ok(None) };
        let assets = match status {
            PackageVersionStatus::Disposed => BTreeMap::new(),
            _ => self.source.assets(format, name, version).await?,
        };
        Ok(Some(Presence { status: status.clone(), assets }))
    }

    /// What is to be done about a file. Errors: if the repository has another one in its place.
    fn step(&mut self, known: Option<&Presence>, asset: Option<&str>, path: &str) -> Result<Step, Error> {
        let told = self.bundle.manifest.files.get(path).ok_or_else(|| missing(path))?;
        let step = Step::of(known, asset, &told.sha256);
        match (step, known) {
            (Step::Keep, _) => self.kept += 1,
            (Step::Closed, Some(known)) => {
                let status = known.status.as_str();
                warn(&format!("{path} is not published: its version is there, and {status}"));
            }
            (Step::Other, _) => {
                let why = format!("{path}: the repository has other bytes for this version");
                return Err(Error::Package(why));
            }
            (Step::Send | Step::Closed, _) => {}
        }
        Ok(step)
    }

    async fn send(
        &mut self,
        method: Method,
        url: &str,
        media_type: &str,
        body: Bytes,
        limit: usize,
    ) -> Result<(), Error> {
        if body.len() > limit {
            let why = format!(
                "it takes {} bytes to publish, and no repository takes more than {limit}",
                body.len()
            );
            return Err(wrong(url, &why));
        }
        let headers = [(header::CONTENT_TYPE, media_type.to_owned())];
        self.source.send(method, url, &headers, full(body)).await?;
        self.sent += 1;
        Ok(())
    }

    fn whole(&self, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
        self.bundle.read(path, limit)?.ok_or_else(|| missing(path))
    }
}

/// Whether a version that is there now is in the lists: one that was not there was just published.
fn is_listed(known: Option<&Presence>) -> bool {
    known.is_none_or(|known| known.status == PackageVersionStatus::Published)
}

fn missing(path: &str) -> Error {
    Error::Package(format!("the bundle has no {path}"))
}

/// A file of the bundle between two texts, as it is read.
fn form(head: String, extent: Extent, tail: String) -> Body {
    enum Next {
        Head(String),
        At(u64),
        End,
    }
    let pieces = stream::try_unfold(Next::Head(head), move |next| {
        let (extent, tail) = (extent.clone(), tail.clone());
        async move {
            let (piece, next) = match next {
                Next::Head(head) => (Bytes::from(head), Next::At(0)),
                Next::At(offset) if offset < extent.size => {
                    let piece = extent.piece_of(offset).await?;
                    let end = offset + piece.len() as u64;
                    (piece, Next::At(end))
                }
                Next::At(_) => (Bytes::from(tail), Next::End),
                Next::End => return Ok(None),
            };
            Ok::<_, BodyError>(Some((Frame::data(piece), next)))
        }
    });
    BodyExt::boxed_unsync(StreamBody::new(pieces))
}
