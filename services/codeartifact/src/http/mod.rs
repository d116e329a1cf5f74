//! What package managers talk to. Each request is a call of the API like any other: authenticated by a token of
//! GetAuthorizationToken, authorised by the policies of caller and repository, and on record.
//! Source: CodeArtifact User Guide, "AWS CodeArtifact authentication and tokens", "Logging API calls".

mod address;
mod answer;
mod archive;
mod budget;
mod cargo;
mod credentials;
mod documents;
mod file;
mod form;
mod listing;
mod maven;
mod npm;
mod nuget;
mod pypi;
mod reading;
mod ruby;
mod search;
mod swift;
pub mod zipped;

use std::sync::Arc;

use async_trait::async_trait;
use aws::gateway::{Gateway, Origin};
use aws::http::{Body, HttpService, Peer, Request, Response};
use aws::{Access, AuditRecord, Ctx};
use bytes::{Bytes, BytesMut};
use codeartifact_model::CODEARTIFACT;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};

pub use self::address::Address;
use self::answer::Refusal;
use self::budget::Budget;
pub use self::budget::LARGEST_BODY as LARGEST_NPM_PUBLICATION;
pub use self::cargo::{LARGEST_PUBLICATION as LARGEST_CARGO_PUBLICATION, index as cargo_index};
use self::documents::Documents;
pub use self::maven::{
    metadata as maven_metadata, path as maven_path, plugins as maven_plugins, pom as maven_pom,
};
pub use self::npm::{TARBALL as NPM_TARBALL, manifest as npm_manifest};
pub use self::nuget::manifest as nuget_manifest;
pub use self::pypi::{file_version as python_file_version, wheel_metadata};
pub use self::ruby::gem as ruby_gem;
use crate::CodeArtifact;
use crate::access;
use crate::error::Error;
use crate::names::{Coordinates, Format};
use crate::records::Repository;

/// The package managers' part of the front door. It answers every path below [`PackageEndpoints::PREFIX`].
pub struct PackageEndpoints {
    codeartifact: Arc<CodeArtifact>,
    gateway: Arc<Gateway>,
    budget: Budget,
    documents: Documents,
}

/// What a package manager wants to do, as policies and audit records name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Read,
    Publish,
    PutMetadata,
}

/// A request whose caller is known.
struct Call<'a> {
    codeartifact: &'a CodeArtifact,
    gateway: &'a Gateway,
    budget: &'a Budget,
    documents: &'a Documents,
    ctx: Ctx,
    address: Address,
    parts: Parts,
    /// `None` where nobody has shown who he is.
    is_anonymous: bool,
    /// As read when the request came.
    repository: Option<Repository>,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "ReadFromRepository",
            Self::Publish => "PublishPackageVersion",
            Self::PutMetadata => "PutPackageMetadata",
        }
    }
}

impl PackageEndpoints {
    /// Below it are the repositories. See [`Address`].
    pub const PREFIX: &str = "/d/";

    pub fn new(codeartifact: Arc<CodeArtifact>, gateway: Arc<Gateway>) -> Self {
        Self { codeartifact, gateway, budget: Budget::default(), documents: Documents::default() }
    }

    async fn answer(&self, request: Request, peer: Peer) -> Response {
        let Some(address) = Address::parse(request.uri().path()) else {
            let message = "There is no repository at this address: see GetRepositoryEndpoint.";
            return Refusal::new(StatusCode::NOT_FOUND, message).into_response(None, None);
        };
        let format = address.format;
        let realm = format!("{}/{}", address.repository.domain.name, address.repository.name);
        match self.routed(request, peer, address).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(Some(format), Some(&realm)),
        }
    }

    async fn routed(&self, request: Request, peer: Peer, address: Address) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        let caller = credentials::caller(&self.codeartifact, &self.gateway, &parts.headers, &address).await?;
        let is_anonymous = caller.is_none();
        let mut scope = address.repository.domain.scope.clone();
        let caller = caller.unwrap_or_else(aws::Caller::anonymous);
        if let Some(account) = caller.principal.account() {
            scope.account = account.clone();
        }
        let ctx = self.gateway.ctx(caller, scope, Action::Read.name(), Origin::of(&parts.headers, peer));
        let repository = access::find(&self.codeartifact, &address.repository).await?;
        let call = Call {
            codeartifact: &self.codeartifact,
            gateway: &self.gateway,
            budget: &self.budget,
            documents: &self.documents,
            ctx,
            address,
            parts,
            is_anonymous,
            repository,
        };
        match call.address.format {
            Format::Npm => npm::serve(call, body).await,
            Format::Pypi => pypi::serve(call, body).await,
            Format::Cargo => cargo::serve(call, body).await,
            Format::Maven => maven::serve(call, body).await,
            Format::Nuget => nuget::serve(call, body).await,
            Format::Ruby => ruby::serve(call, body).await,
            Format::Swift => swift::serve(call, body).await,
            Format::Generic => {
                let message = "Format generic has no package manager: it is served by PublishPackageVersion and GetPackageVersionAsset.";
                Err(Refusal::not_found(message))
            }
        }
    }
}

#[async_trait]
impl HttpService for PackageEndpoints {
    async fn handle(&self, request: Request, peer: Peer) -> Response {
        self.answer(request, peer).await
    }
}

impl Call<'_> {
    fn acting(mut self, action: Action) -> Self {
        self.ctx.operation = action.name();
        self
    }

    /// Asks the policies. Errors: 403 with AWS's wording; 401 for those who have shown nothing.
    async fn allowed(&self, action: Action, package: Option<&Coordinates>) -> Result<(), aws::Error> {
        let name = &self.address.repository;
        let arn = match (action, package) {
            (Action::Publish | Action::PutMetadata, Some(package)) => name.package_arn(package),
            (Action::Read | Action::Publish | Action::PutMetadata, _) => name.arn(),
        };
        let access: Access = access::on_repository(arn, self.repository.as_ref());
        let authoriser = &self.gateway.authoriser;
        authoriser.authorise(&self.ctx, &CODEARTIFACT, action.name(), &[access]).await
    }

    /// Runs what was asked for once it is allowed, and keeps a record of it.
    async fn carried_out<T>(
        &self,
        action: Action,
        package: Option<&Coordinates>,
        version: Option<&str>,
        work: BoxFuture<'_, Result<T, Error>>,
    ) -> Result<T, Refusal> {
        let result = match self.allowed(action, package).await {
            Ok(()) => match &self.repository {
                Some(_) => work.await.map_err(aws::Error::from),
                None => Err(self.no_repository().into()),
            },
            // Whoever has shown nothing is asked for a token; that is no call of anybody's yet.
            Err(_) if self.is_anonymous => {
                let name = &self.address.repository.name;
                return Err(Refusal::unauthenticated(match action {
                    Action::Read => format!(
                        "An authorization token is required: no policy of repository {name} lets everybody \
                         (\"Principal\": \"*\") do codeartifact:ReadFromRepository."
                    ),
                    Action::Publish | Action::PutMetadata => format!(
                        "An authorization token is required: no policy of repository {name} lets everybody \
                         (\"Principal\": \"*\") do codeartifact:{}.",
                        action.name()
                    ),
                }));
            }
            Err(refused) => Err(refused),
        };
        self.record(action, package, version, result.as_ref().err()).await?;
        Ok(result?)
    }

    /// For a push that says only within its bytes what it is: nothing is taken from those who may neither publish whatever it
    /// be nor read here. Errors: 403, 404.
    async fn begins_push(&self) -> Result<(), Refusal> {
        let any = Coordinates::normal(self.address.format, "", "*");
        if self.repository.is_some() && self.allowed(Action::Publish, Some(&any)).await.is_ok() {
            return Ok(());
        }
        self.carried_out(Action::Read, None, None, Box::pin(async { Ok(()) })).await
    }

    fn no_repository(&self) -> Error {
        let name = &self.address.repository;
        let resource = crate::error::Resource::repository(&name.name);
        let message = format!(
            "Repository not found. Repository '{}' does not exist in domain '{}'.",
            name.name, name.domain.name
        );
        Error::not_found(resource, message)
    }

    async fn record(
        &self,
        action: Action,
        package: Option<&Coordinates>,
        version: Option<&str>,
        error: Option<&aws::Error>,
    ) -> Result<(), aws::Error> {
        let name = &self.address.repository;
        let parameters = json!({
            "domainName": name.domain.name,
            "domainOwner": name.domain.scope.account.as_str(),
            "repositoryName": name.name,
            "packageFormat": self.address.format.as_str(),
            "packageNamespace": package.and_then(Coordinates::namespace),
            "packageName": package.map(|package| &package.name),
            "packageVersion": version,
            "httpMethod": self.parts.method.as_str(),
            "requestUri": self.parts.uri.path(),
        });
        let record = AuditRecord {
            ctx: self.ctx.clone(),
            request_id: self.ctx.request_id.to_string(),
            event_source: CODEARTIFACT.principal(),
            event_name: action.name().to_owned(),
            read_only: action == Action::Read,
            request_parameters: parameters,
            response_elements: Value::Null,
            resources: vec![name.arn().to_string()],
            error: error.cloned(),
        };
        self.gateway.auditor.record(record).await
    }

    /// The address of the repository as this client reaches it, with a slash at the end.
    fn base(&self) -> String {
        let path = Address::path_of(&self.address.repository, self.address.format);
        let text = |name: &str| self.parts.headers.get(name).and_then(|value| value.to_str().ok());
        let fits = |host: &&str| {
            host.len() <= 255
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
        };
        let host = text("x-forwarded-host").or_else(|| text(header::HOST.as_str())).filter(fits);
        let is_secure = self.ctx.secure_transport || text("x-forwarded-proto") == Some("https");
        match host {
            Some(host) => format!("{}://{host}{path}", if is_secure { "https" } else { "http" }),
            None => format!("{}{path}", self.codeartifact.config.endpoint),
        }
    }

    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn query(&self, name: &str) -> Option<String> {
        let query = self.parts.uri.query().unwrap_or_default();
        aws::protocol::bindings::uri::parameters(query)
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }
}

/// Reads a body of at most `limit` bytes, which the budget has room for. Errors: 413, 400.
async fn read_body(mut body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let broken = |_| Refusal::new(StatusCode::BAD_REQUEST, "The body of the request broke off.");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if read.len() + data.len() > limit {
            let message = format!("The request is larger than {limit} bytes.");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}
