//! `stagewright mirror import`

use std::path::PathBuf;
use std::process::ExitCode;

use aws::http::{Body, BodyError, full};
use bytes::Bytes;
use codeartifact::bundle::{Bundle, Extent};
use futures_util::stream;
use http::{Method, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::Value;

use super::source::Source;
use super::{Error, hash};
use crate::commands::package::Repository;
use crate::mirror::npm::{Packument, archive};
use crate::mirror::pypi::Page;
use crate::mirror::{cargo, publication};

/// What the server takes of a document, and what of a crate, in bytes.
const LARGEST_ARCHIVE: u64 = 90 * 1024 * 1024;
const LARGEST_DOCUMENT: u64 = 64 * 1024 * 1024;
/// No file has this in it but one that was made for that, and it is refused by its hash.
const BOUNDARY: &str = "stagewright-mirror-7f1c0a52d94e4b6f";

#[derive(clap::Args)]
#[command(
    after_help = "Nothing is published unless the whole bundle is as its manifest says. Doing it again publishes \
    what is missing.\nThe key needs the permissions sts:GetServiceBearerToken, codeartifact:GetAuthorizationToken, \
    codeartifact:GetRepositoryEndpoint and codeartifact:PublishPackageVersion."
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
    let mut import = Import { source: Source::connect(arguments.repository).await?, bundle, count: 0 };
    let packages = import.bundle.manifest.packages.clone();
    for (format, packages) in packages {
        let endpoint = import.source.endpoint(&format).await?;
        for name in packages.keys() {
            match format.as_str() {
                "npm" => import.npm(&endpoint, name).await?,
                "pypi" => import.pypi(&endpoint, name).await?,
                "cargo" => import.cargo(&endpoint, name).await?,
                other => return Err(Error::Package(format!("packages of {other} cannot be imported"))),
            }
        }
    }
    println!("{} files published", import.count);
    Ok(ExitCode::SUCCESS)
}

struct Import {
    source: Source,
    bundle: Bundle,
    count: usize,
}

impl Import {
    async fn npm(&mut self, endpoint: &str, name: &str) -> Result<(), Error> {
        let packument: Packument = self.json(&format!("npm/{name}/index.json"))?;
        let url = format!("{endpoint}{}", name.replace('/', "%2f"));
        for version in publication::npm_order(&packument) {
            let bytes = self.whole(&format!("npm/{name}/{}", archive(name, version)), LARGEST_ARCHIVE)?;
            let document = publication::npm(name, version, &packument, &bytes).to_string();
            self.send(Method::PUT, &url, "application/json", document.into()).await?;
        }
        Ok(())
    }

    async fn pypi(&mut self, endpoint: &str, name: &str) -> Result<(), Error> {
        let page: Page = self.json(&format!("pypi/{name}/index.json"))?;
        for (version, files) in page.by_version(name) {
            for file in files {
                let path = format!("pypi/{name}/{}", file.filename);
                let extent = self.bundle.extent(&path).cloned().ok_or_else(|| self.missing(&path))?;
                let (head, tail) = publication::pypi(name, &version.to_string(), &file, BOUNDARY);
                let length = (head.len() + tail.len()) as u64 + extent.size;
                let media_type = format!("multipart/form-data; boundary={BOUNDARY}");
                let body = form(head, extent, tail);
                let headers =
                    [(header::CONTENT_TYPE, media_type), (header::CONTENT_LENGTH, length.to_string())];
                self.source.send(Method::POST, endpoint, &headers, body).await?;
                self.count += 1;
            }
        }
        Ok(())
    }

    async fn cargo(&mut self, endpoint: &str, name: &str) -> Result<(), Error> {
        let path = format!("cargo/{}", cargo::path(name));
        let text = String::from_utf8(self.whole(&path, LARGEST_DOCUMENT)?);
        let wrong = |why: String| Error::Package(format!("cargo: {name}: {why}"));
        let text = text.map_err(|error| wrong(error.to_string()))?;
        for (version, line) in cargo::lines(&text).map_err(|error| wrong(error.to_string()))? {
            let bytes =
                self.whole(&format!("cargo/crates/{name}/{name}-{version}.crate"), LARGEST_ARCHIVE)?;
            let body = publication::cargo(&line, &bytes);
            let url = format!("{endpoint}api/v1/crates/new");
            self.send(Method::PUT, &url, "application/octet-stream", body.into()).await?;
            if line.get("yanked") == Some(&Value::Bool(true)) {
                let url = format!("{endpoint}api/v1/crates/{name}/{version}/yank");
                self.source.send(Method::DELETE, &url, &[], aws::http::empty()).await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self, method: Method, url: &str, media_type: &str, body: Bytes) -> Result<(), Error> {
        let headers = [(header::CONTENT_TYPE, media_type.to_owned())];
        self.source.send(method, url, &headers, full(body)).await?;
        self.count += 1;
        Ok(())
    }

    fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let read = self.whole(path, LARGEST_DOCUMENT)?;
        serde_json::from_slice(&read).map_err(|error| Error::Package(format!("{path}: {error}")))
    }

    fn whole(&self, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
        self.bundle.read(path, limit)?.ok_or_else(|| self.missing(path))
    }

    fn missing(&self, path: &str) -> Error {
        Error::Package(format!("the bundle has no {path}"))
    }
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
