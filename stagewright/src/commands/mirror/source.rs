//! A repository on a running server, as package managers read it: what it brings in from outside it brings in as ever,
//! under its origin controls, quarantine and advisories, and every read is authorised and audited.

use std::collections::BTreeMap;
use std::time::Duration;

use aws::Remote;
use aws::http::{Body, empty, read_within};
use aws::remote::Transport;
use codeartifact_model::{
    GetAuthorizationToken, GetRepositoryEndpoint, ListPackageVersionAssets, ListPackageVersions,
    PackageFormat, PackageVersionStatus, UpdatePackageVersionsStatus,
};
use http::{HeaderName, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;

use super::Error;
use crate::commands::package::Repository;

/// Until an answer begins: the server may have to fetch a file first.
const PATIENCE: Duration = Duration::from_secs(600);
/// From one piece of a file to the next.
const SILENCE: Duration = Duration::from_secs(60);
const LARGEST_DOCUMENT: usize = 128 * 1024 * 1024;
/// Of the answer to a request that was refused, in bytes.
const LARGEST_REFUSAL: usize = 64 * 1024;
/// Versions or files on a page.
const MOST_AT_ONCE: i32 = 1_000;
const NOT_FOUND: &str = "ResourceNotFoundException";

/// One repository, in every format.
pub struct Source {
    remote: Remote,
    repository: Repository,
    transport: Transport,
    token: String,
}

impl Source {
    /// Gets a token. Errors: what the server answers.
    pub async fn connect(repository: Repository) -> Result<Self, Error> {
        let remote = repository.connect()?;
        let asked = GetAuthorizationToken {
            domain: repository.domain.clone(),
            domain_owner: repository.domain_owner.clone(),
            duration_seconds: None,
        };
        let token = remote.call(asked).await?.authorization_token.unwrap_or_default();
        let endpoint = endpoint(&remote, &repository, "npm").await?;
        let transport =
            if endpoint.starts_with("https://") { Transport::tls_of_clients()? } else { Transport::plain() };
        Ok(Self { remote, repository, transport, token })
    }

    /// The address of the repository for a format, with a slash at the end.
    pub async fn endpoint(&self, format: &str) -> Result<String, Error> {
        endpoint(&self.remote, &self.repository, format).await
    }

    /// A document; `None` if there is none.
    pub async fn document(&self, url: &str, accept: &str) -> Result<Option<Vec<u8>>, Error> {
        let answer = self.get(url, accept).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body = fine(url, answer).await?;
        let read = read_within(body, LARGEST_DOCUMENT, PATIENCE).await;
        Ok(Some(read.map_err(|_| wrong(url, "the answer broke off or is too large"))?.into()))
    }

    /// The bytes of a file, piece by piece. Errors: also those of `take`.
    pub async fn file(
        &self,
        url: &str,
        mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<(), Error> {
        let mut body = fine(url, self.get(url, "*/*").await?).await?;
        loop {
            let frame = tokio::time::timeout(SILENCE, body.frame()).await;
            match frame.map_err(|_| wrong(url, "the answer stalled"))? {
                None => return Ok(()),
                Some(Err(error)) => return Err(wrong(url, &format!("the answer broke off: {error}"))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        take(&data)?;
                    }
                }
            }
        }
    }

    /// Sends what publishes something. Errors: the reason of a refusal.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(HeaderName, String)],
        body: Body,
    ) -> Result<(), Error> {
        let mut request = self.request(Request::builder().method(method).uri(url));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|error| wrong(url, &error.to_string()))?;
        fine(url, self.transport.stream(request, PATIENCE).await?).await?;
        Ok(())
    }

    /// The versions of a package that the repository itself has, whatever their status is.
    pub async fn versions(
        &self,
        format: &str,
        name: &str,
    ) -> Result<BTreeMap<String, PackageVersionStatus>, Error> {
        let (namespace, package) = parts(name);
        let mut asked = ListPackageVersions {
            domain: self.repository.domain.clone(),
            domain_owner: self.repository.domain_owner.clone(),
            repository: self.repository.repository.clone(),
            format: PackageFormat::from(format),
            namespace,
            package,
            max_results: Some(MOST_AT_ONCE),
            ..ListPackageVersions::default()
        };
        let mut versions = BTreeMap::new();
        loop {
            let page = match self.remote.call(asked.clone()).await {
                Ok(page) => page,
                Err(error) if error.code == NOT_FOUND => return Ok(versions),
                Err(error) => return Err(error.into()),
            };
            let listed = page.versions.into_iter().flatten();
            versions.extend(listed.map(|version| (version.version, version.status)));
            match page.next_token {
                Some(next) => asked.next_token = Some(next),
                None => return Ok(versions),
            }
        }
    }

    /// The SHA-256 of the files of a version, by their names.
    pub async fn assets(
        &self,
        format: &str,
        name: &str,
        version: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        let (namespace, package) = parts(name);
        let mut asked = ListPackageVersionAssets {
            domain: self.repository.domain.clone(),
            domain_owner: self.repository.domain_owner.clone(),
            repository: self.repository.repository.clone(),
            format: PackageFormat::from(format),
            namespace,
            package,
            package_version: version.to_owned(),
            max_results: Some(MOST_AT_ONCE),
            next_token: None,
        };
        let mut assets = BTreeMap::new();
        loop {
            let page = self.remote.call(asked.clone()).await?;
            assets.extend(page.assets.into_iter().flatten().filter_map(|asset| {
                let sha256 = asset.hashes?.get("SHA-256")?.clone();
                Some((asset.name, sha256))
            }));
            match page.next_token {
                Some(next) => asked.next_token = Some(next),
                None => return Ok(assets),
            }
        }
    }

    /// Takes a version that is published out of the lists. Errors: also if the server says that it did not.
    pub async fn unlist(&self, format: &str, name: &str, version: &str) -> Result<(), Error> {
        let (namespace, package) = parts(name);
        let asked = UpdatePackageVersionsStatus {
            domain: self.repository.domain.clone(),
            domain_owner: self.repository.domain_owner.clone(),
            repository: self.repository.repository.clone(),
            format: PackageFormat::from(format),
            namespace,
            package,
            versions: vec![version.to_owned()],
            version_revisions: None,
            expected_status: None,
            target_status: PackageVersionStatus::Unlisted,
        };
        let answer = self.remote.call(asked).await?;
        match answer.failed_versions.into_iter().flatten().next() {
            None => Ok(()),
            Some((_, failed)) => {
                let why = failed.error_message.unwrap_or_default();
                Err(Error::Package(format!("{format}: {name} {version} cannot be unlisted: {why}")))
            }
        }
    }

    async fn get(&self, url: &str, accept: &str) -> Result<Response<Body>, Error> {
        let request = self.request(Request::get(url)).header(header::ACCEPT, accept).body(empty());
        let request = request.map_err(|error| wrong(url, &error.to_string()))?;
        Ok(self.transport.stream(request, PATIENCE).await?)
    }

    fn request(&self, builder: http::request::Builder) -> http::request::Builder {
        builder
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::USER_AGENT, concat!("stagewright/", env!("CARGO_PKG_VERSION")))
    }
}

async fn endpoint(remote: &Remote, repository: &Repository, format: &str) -> Result<String, Error> {
    let asked = GetRepositoryEndpoint {
        domain: repository.domain.clone(),
        domain_owner: repository.domain_owner.clone(),
        repository: repository.repository.clone(),
        format: PackageFormat::from(format),
        endpoint_type: None,
    };
    let endpoint = remote.call(asked).await?.repository_endpoint.unwrap_or_default();
    Ok(format!("{}/", endpoint.trim_end_matches('/')))
}

/// The namespace and the name: `@acme/tables` is in `acme`, `com.acme:app` in `com.acme`, and nothing else has any here.
fn parts(name: &str) -> (Option<String>, String) {
    match name.strip_prefix('@').and_then(|scoped| scoped.split_once('/')).or(name.split_once(':')) {
        Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
        None => (None, name.to_owned()),
    }
}

/// Errors: the reason that the server gives.
async fn fine(url: &str, answer: Response<Body>) -> Result<Body, Error> {
    if answer.status().is_success() {
        return Ok(answer.into_body());
    }
    let status = answer.status();
    let told = read_within(answer.into_body(), LARGEST_REFUSAL, SILENCE).await.unwrap_or_default();
    Err(wrong(url, &format!("{status}: {}", String::from_utf8_lossy(&told).trim())))
}

pub fn wrong(url: &str, why: &str) -> Error {
    Error::Answer { url: url.to_owned(), why: why.to_owned() }
}
