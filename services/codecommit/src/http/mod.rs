//! What `git` talks to: smart HTTP at `/v1/repos/<name>`, with the checks that every call passes: authenticated,
//! authorised (`codecommit:GitPull`, `codecommit:GitPush`), audited.
//! Source: gitprotocol-http(5); CodeCommit User Guide, "Logging CodeCommit API calls", for the events' names.

mod address;
mod answer;
mod credentials;
mod fetch;
mod push;

use std::sync::Arc;

use async_trait::async_trait;
use aws::gateway::{Gateway, Origin};
use aws::http::{HttpService, Peer, Request, Response};
use aws::{Arn, AuditRecord, Ctx, Scope};
use codecommit_model::CODECOMMIT;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;

use self::address::{Address, Endpoint, Program};
use self::answer::Refusal;
use crate::git::request_body::RequestBody;
use crate::records::Repository;
use crate::service::CodeCommit;

/// Git's part of the front door. It answers every path below [`GitHttp::PREFIX`].
pub struct GitHttp {
    codecommit: Arc<CodeCommit>,
    gateway: Arc<Gateway>,
}

/// A request whose caller is known.
struct Call<'a> {
    codecommit: &'a CodeCommit,
    gateway: &'a Gateway,
    ctx: Ctx,
    name: String,
    headers: HeaderMap,
}

impl GitHttp {
    /// Below it are the repositories.
    pub const PREFIX: &str = "/v1/repos/";

    pub fn new(codecommit: Arc<CodeCommit>, gateway: Arc<Gateway>) -> Self {
        Self { codecommit, gateway }
    }

    async fn answer(&self, request: Request, peer: Peer) -> Result<Response, Refusal> {
        let address = Address::parse(request.uri()).ok_or_else(Refusal::not_found)?;
        let (parts, body) = request.into_parts();
        let expected = match address.endpoint {
            Endpoint::Advertisement(_) => Method::GET,
            Endpoint::Rpc(_) => Method::POST,
        };
        if parts.method != expected {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"));
        }
        let (caller, scope) =
            credentials::authenticate(&self.gateway, &self.codecommit, &parts.headers, &address).await?;
        let program = address.endpoint.program();
        let call = Call {
            codecommit: &self.codecommit,
            gateway: &self.gateway,
            ctx: self.gateway.ctx(caller, scope, program.action(), Origin::of(&parts.headers, peer)),
            name: address.name,
            headers: parts.headers,
        };
        match (address.endpoint, program) {
            (Endpoint::Advertisement(_), Program::UploadPack) => call.advertise_fetch().await,
            (Endpoint::Advertisement(_), Program::ReceivePack) => call.advertise_push().await,
            (Endpoint::Rpc(_), Program::UploadPack) => call.fetch(call.body(program, body)?).await,
            (Endpoint::Rpc(_), Program::ReceivePack) => call.push(call.body(program, body)?).await,
        }
    }
}

#[async_trait]
impl HttpService for GitHttp {
    async fn handle(&self, request: Request, peer: Peer) -> Response {
        self.answer(request, peer).await.unwrap_or_else(Refusal::into_response)
    }
}

impl Call<'_> {
    fn scope(&self) -> &Scope {
        &self.ctx.scope
    }

    fn arn(&self) -> Arn {
        self.scope().arn("codecommit", &self.name)
    }

    /// Asks the policies for the call's own action on the repository, without any reference.
    async fn authorise(&self) -> Result<(), aws::Error> {
        let access = self.codecommit.access(&self.ctx, &self.name).await?;
        self.gateway.authoriser.authorise(&self.ctx, &CODECOMMIT, self.ctx.operation, &[access]).await
    }

    async fn repository(&self) -> Result<Repository, aws::Error> {
        Ok(self.codecommit.repository(self.scope(), &self.name).await?)
    }

    /// Keeps the record of this call; durable before it returns if the call changes something.
    async fn record(&self, parameters: Value, error: Option<&aws::Error>) -> Result<(), aws::Error> {
        let record = AuditRecord {
            ctx: self.ctx.clone(),
            request_id: self.ctx.request_id.to_string(),
            event_source: CODECOMMIT.principal(),
            event_name: self.ctx.operation.to_owned(),
            read_only: self.ctx.operation == Program::UploadPack.action(),
            request_parameters: parameters,
            response_elements: Value::Null,
            resources: vec![self.arn().to_string()],
            error: error.cloned(),
        };
        self.gateway.auditor.record(record).await
    }

    /// A refusal that is on record.
    async fn refuse(&self, error: aws::Error) -> Refusal {
        let parameters = serde_json::json!({ "repositoryName": self.name });
        match self.record(parameters, Some(&error)).await {
            Ok(()) => error.into(),
            Err(fault) => fault.into(),
        }
    }

    /// Errors: a body that is not what git sends.
    fn body(&self, program: Program, body: aws::http::Body) -> Result<RequestBody, Refusal> {
        let unsupported = || Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type");
        let text = |name| self.headers.get(name).and_then(|value| value.to_str().ok());
        if text(header::CONTENT_TYPE) != Some(&format!("application/x-{}-request", program.name())) {
            return Err(unsupported());
        }
        match text(header::CONTENT_ENCODING) {
            None | Some("identity") => Ok(RequestBody::new(body, false)),
            Some("gzip" | "x-gzip") => Ok(RequestBody::new(body, true)),
            Some(_) => Err(unsupported()),
        }
    }

    /// The version of git's protocol that is asked for, if it is worded as git words it.
    fn protocol(&self) -> Option<&str> {
        const LONGEST: usize = 256;
        let protocol = self.headers.get("git-protocol")?.to_str().ok()?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b':' | b'-' | b'.');
        (protocol.len() <= LONGEST && protocol.bytes().all(fits)).then_some(protocol)
    }
}
