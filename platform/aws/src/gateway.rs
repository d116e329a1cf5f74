//! The one way to a handler, for calls over the wire and in process alike:
//! validate → authorise → handle → audit.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, header};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::Error;
use crate::http::Peer;
use crate::names::Scope;
use crate::objects::Objects;
use crate::operation::Service;
use crate::page_token::PageTokens;
use crate::principal::Caller;
use crate::protocol::audited::audited_value;
use crate::router::{AnyShape, Route, Router};
use crate::security::{Access, AuditRecord, Auditor, Authenticator, Authoriser};
use crate::shape::Path;
use crate::streams::Streams;
use crate::timestamp::Timestamp;
use crate::validation;

/// Everything that is served, and who guards it.
pub struct Gateway {
    routers: BTreeMap<&'static str, Router>,
    pub authenticator: Arc<dyn Authenticator>,
    pub authoriser: Arc<dyn Authoriser>,
    pub auditor: Arc<dyn Auditor>,
    pub objects: Arc<dyn Objects>,
    page_tokens: Arc<PageTokens>,
    /// Where calls of the platform itself happen, and calls that name no region.
    pub home: Scope,
}

/// From where and how a call came.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub source_ip: Option<IpAddr>,
    pub user_agent: Option<String>,
    pub secure_transport: bool,
    pub invoked_by: Option<String>,
    pub source_arn: Option<String>,
    pub change: Option<String>,
}

impl Origin {
    /// Of a request with these headers.
    pub fn of(headers: &HeaderMap, peer: Peer) -> Self {
        let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            source_ip: Some(peer.ip),
            user_agent: user_agent.map(str::to_owned),
            secure_transport: peer.secure_transport,
            ..Self::default()
        }
    }
}

impl Gateway {
    pub fn new(
        home: Scope,
        page_token_key: [u8; 32],
        authenticator: Arc<dyn Authenticator>,
        authoriser: Arc<dyn Authoriser>,
        auditor: Arc<dyn Auditor>,
        objects: Arc<dyn Objects>,
        routers: Vec<Router>,
    ) -> Self {
        Self {
            routers: routers.into_iter().map(|router| (router.service.id, router)).collect(),
            authenticator,
            authoriser,
            auditor,
            objects,
            page_tokens: Arc::new(PageTokens::new(page_token_key)),
            home,
        }
    }

    pub fn routers(&self) -> impl Iterator<Item = &Router> {
        self.routers.values()
    }

    /// Errors: `NotImplemented` for an operation of the API that is not built, `UnknownOperationException`
    /// for one that does not exist.
    pub fn route(&self, service: &Service, operation: &str) -> Result<&Arc<dyn Route>, Error> {
        let route = self.routers.get(service.id).and_then(|router| router.route(operation));
        route.ok_or_else(|| {
            if service.knows(operation) {
                Error::not_implemented(service.id, operation)
            } else {
                Error::new(
                    "UnknownOperationException",
                    format!("{operation} is no operation of {}.", service.id),
                )
            }
        })
    }

    pub fn ctx(&self, caller: Caller, scope: Scope, operation: &'static str, origin: Origin) -> Ctx {
        Ctx {
            scope,
            caller,
            request_id: Uuid::new_v4(),
            source_ip: origin.source_ip,
            user_agent: origin.user_agent,
            secure_transport: origin.secure_transport,
            invoked_by: origin.invoked_by,
            source_arn: origin.source_arn,
            change: origin.change,
            operation,
            streams: Streams::default(),
            received_at: Timestamp::now(),
            page_tokens: self.page_tokens.clone(),
        }
    }

    /// Runs one call. `missing` are the required members that decoding did not find.
    pub async fn call(
        &self,
        ctx: &Ctx,
        service: &'static Service,
        route: &Arc<dyn Route>,
        input: Box<dyn AnyShape>,
        missing: &[Path],
    ) -> Result<Box<dyn AnyShape>, Error> {
        let model = route.model();
        let mut parameters = audited_value(input.as_ref(), model.input);
        let mut resources = Vec::new();
        let own_errors = self.routers.get(service.id).map_or(&[][..], |router| router.own_errors);
        let result = match validation::check(service, own_errors, model, input.as_ref(), missing) {
            Ok(()) => self.authorised(ctx, service, route, input, &mut resources).await,
            Err(refused) => Err(self.with_reason(service, refused)),
        };
        let mut response = match &result {
            Ok(output) if model.answer_is_recorded() => audited_value(output.as_ref(), model.output),
            Ok(_) | Err(_) => serde_json::Value::Null,
        };
        let router = self.routers.get(service.id);
        if let Some(hidden) = router.and_then(|router| router.hidden(model.name)) {
            hidden.hide(ctx, &mut parameters, &mut response).await;
        }
        let record = AuditRecord {
            ctx: ctx.clone(),
            request_id: ctx.request_id.to_string(),
            event_source: service.principal(),
            event_name: model.name.to_owned(),
            read_only: model.is_read_only(),
            request_parameters: parameters,
            response_elements: response,
            resources,
            error: result.as_ref().err().cloned(),
        };
        self.auditor.record(record).await?;
        result
    }

    /// A violated constraint, with the member by which the service's clients tell it from other validation errors.
    fn with_reason(&self, service: &Service, refused: Error) -> Error {
        match self.routers.get(service.id).and_then(|router| router.validation_reason) {
            Some(reason) if refused.code == service.validation.code => refused.with_member("reason", reason),
            Some(_) | None => refused,
        }
    }

    /// Whether the bodies of an operation stream over the wire.
    pub fn streams(&self, service: &Service, operation: &str) -> bool {
        self.routers.get(service.id).is_some_and(|router| router.streaming.contains(&operation))
    }

    async fn authorised(
        &self,
        ctx: &Ctx,
        service: &'static Service,
        route: &Arc<dyn Route>,
        input: Box<dyn AnyShape>,
        resources: &mut Vec<String>,
    ) -> Result<Box<dyn AnyShape>, Error> {
        let accesses: Vec<Access> = route.accesses(ctx, input.as_ref()).await?;
        resources.extend(accesses.iter().map(|access| access.resource.clone()).filter(|arn| arn != "*"));
        self.authoriser.authorise(ctx, service, route.model().name, &accesses).await?;
        route.handle(ctx, input).await
    }
}
