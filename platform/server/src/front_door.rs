//! One request from beginning to end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aws::Gateway;
use aws::http::{HttpService, Peer, Request, Response};
use aws::operation::Service;
use aws::sigv4::verify;

use crate::answer;
use crate::call::{Received, new_request_id};
use crate::destination::{self, Destination};
use crate::format::Format;
use crate::metrics::Metrics;
use crate::rest::{self, RestRoutes};
use crate::rpc;

/// A service with paths and an HTTP of its own, such as git's.
pub struct Mount {
    /// All paths that begin with it are the service's, for example `/v1/repos/`.
    pub prefix: &'static str,
    pub service: Arc<dyn HttpService>,
}

/// Everything behind the port.
pub struct FrontDoor {
    pub gateway: Arc<Gateway>,
    mounts: Vec<Mount>,
    pub s3: Arc<dyn HttpService>,
    pub metrics: Arc<Metrics>,
    /// The largest body of a call; those of S3 and git stream and have limits of their own.
    pub max_body_bytes: usize,
    services: Vec<&'static Service>,
    pub(crate) rest: RestRoutes,
}

impl FrontDoor {
    pub fn new(
        gateway: Arc<Gateway>,
        mounts: Vec<Mount>,
        s3: Arc<dyn HttpService>,
        metrics: Arc<Metrics>,
        max_body_bytes: usize,
    ) -> Self {
        let services = gateway.routers().map(|router| router.service).collect();
        let rest = RestRoutes::of(&gateway);
        Self { gateway, mounts, s3, metrics, max_body_bytes, services, rest }
    }

    pub fn services(&self) -> &[&'static Service] {
        &self.services
    }

    /// Boxed, so that the compiler proves it sendable here and not at each connection.
    pub fn handle(
        &self,
        request: Request,
        peer: Peer,
    ) -> Pin<Box<dyn Future<Output = Response> + Send + '_>> {
        Box::pin(self.answered(request, peer))
    }

    async fn answered(&self, request: Request, peer: Peer) -> Response {
        if let Some(mount) = self.mounts.iter().find(|mount| request.uri().path().starts_with(mount.prefix)) {
            return mount.service.handle(request, peer).await;
        }
        let (parts, body) = request.into_parts();
        let signed = verify::parse(&parts);
        let destination =
            destination::of(&parts, signed.as_ref().ok().and_then(Option::as_ref), &self.services);
        let destination = match (destination, self.rest.of_unsigned(&parts)) {
            // A caller who has not signed is told so by the service that he means.
            (Destination::S3, Some(service)) if matches!(signed, Ok(None)) => Destination::Rest { service },
            (destination, _) => destination,
        };
        match destination {
            Destination::Health => answer::text(200, "text/plain", "ready\n"),
            Destination::Metrics => match self.metrics.text() {
                Ok(text) => answer::text(200, "application/openmetrics-text; version=1.0.0", text),
                Err(error) => answer::text(500, "text/plain", error.to_string()),
            },
            Destination::S3 => self.s3.handle(Request::from_parts(parts, body), peer).await,
            Destination::Json { service } => {
                rpc::json_call(self, service, Received::read(self, signed, parts, body, peer).await).await
            }
            Destination::Cbor { service } => {
                rpc::cbor_call(self, service, Received::read(self, signed, parts, body, peer).await).await
            }
            Destination::Rest { service } => {
                rest::rest_call(self, service, signed, Request::from_parts(parts, body), peer).await
            }
            Destination::Query => {
                rpc::query_call(self, Received::read(self, signed, parts, body, peer).await).await
            }
            Destination::Elsewhere { api } => {
                let target = destination::header(&parts.headers, "x-amz-target").unwrap_or_default();
                let operation = target.rsplit_once('.').map_or("This operation", |(_, operation)| operation);
                answer::unrouted(
                    Format::Json11,
                    aws::Error::not_implemented(api, operation),
                    &new_request_id(),
                )
            }
            Destination::Unknown => {
                let error = aws::Error::new("UnknownOperationException", "").with_status(404);
                answer::unrouted(Format::Json11, error, &new_request_id())
            }
        }
    }
}
