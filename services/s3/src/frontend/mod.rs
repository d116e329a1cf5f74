//! The HTTP side of S3. Decoding, signatures and encoding are the crate `s3s`; here stand who the caller is,
//! what a refusal looks like on the wire, and the table of what is served.
//!
//! A bucket answers whatever region a request is signed for: one endpoint serves all regions, so there is nowhere
//! else to send the client. A new bucket is made in the region of the signature, or of its location constraint.
//!
//! A service of `s3s` is made for each request. It is a few reference counts, and lets authentication, access
//! and handlers share the request's [`Exchange`] without a side channel.

mod authentication;
mod chunks;
mod cors;
mod documents;
mod error_document;
mod exchange;
mod forms;
mod hosts;
mod ranges;
mod table;

use std::sync::Arc;

use async_trait::async_trait;
use aws::http::{self as wire, HttpService, Peer};
use aws::{Gateway, gateway::Origin};
use http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use http_body_util::BodyExt;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;

use crate::error::Error;
use crate::{S3, checksums};
use authentication::{Access, Keys};
pub use chunks::Trailers;
use exchange::Exchange;
use hosts::Hosts;
pub use table::SERVED;

/// In bytes. The largest documents name 10,000 parts, or 1,000 keys.
const LARGEST_DOCUMENT: usize = 4 * 1024 * 1024;
/// In bytes. The file of a browser's form is held in memory, and before it is known who sends it; other uploads
/// stream and have S3's limits.
const LARGEST_FORM_FILE: u64 = 16 * 1024 * 1024;
/// In bytes, S3 takes 20 KB.
const LARGEST_FORM_FIELDS: usize = 20 * 1024;

/// What the operator says of the HTTP side.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Host names under which buckets are found as `<bucket>.<domain>`; paths work under any host name.
    pub domains: Vec<String>,
}

/// Answers S3's HTTP requests.
pub struct Frontend {
    s3: Arc<S3>,
    gateway: Arc<Gateway>,
    hosts: Hosts,
    limits: Arc<StaticConfigProvider>,
}

impl Frontend {
    pub fn new(s3: Arc<S3>, gateway: Arc<Gateway>, config: Config) -> Self {
        Self { s3, gateway, hosts: Hosts::new(config.domains), limits: limits() }
    }

    async fn answer(&self, request: wire::Request, peer: Peer) -> wire::Response {
        let origin = Origin::of(request.headers(), peer);
        let exchange = Arc::new(Exchange::new(self.s3.clone(), self.gateway.clone(), origin));
        let cors = cors::Asked::of(request.headers(), request.method());
        if request.method() == Method::OPTIONS {
            let bucket = self.hosts.bucket_of(&request);
            let response = cors::preflight(&self.s3, bucket, cors).await;
            return finish(
                response.unwrap_or_else(|error| error_document::response(&error, &exchange)),
                &exchange,
            );
        }
        let is_head = request.method() == Method::HEAD;
        let request = match authentication::without_signatures_if_open(&exchange, request).await {
            Ok(request) => forms::filled_in(request).await,
            Err(error) => return finish(error_document::response(&error, &exchange), &exchange),
        };
        if let Err(error) = checksums::check_headers(request.headers().keys().map(HeaderName::as_str)) {
            return finish(error_document::response(&error, &exchange), &exchange);
        }
        let bucket = cors.as_ref().and_then(|_| self.hosts.bucket_of(&request));
        let again = ranges::without_an_unusable_one(&request);
        let mut response = self.respond(&exchange, request).await;
        if let Some(parts) = again
            && response.status() == StatusCode::BAD_REQUEST
            && exchange.unheard_operation().is_some()
        {
            let parts = authentication::verified(&exchange, parts);
            response = self.respond(&exchange, wire::Request::from_parts(parts, wire::empty())).await;
        }
        let response = error_document::in_s3s_words(response, &exchange).await;
        let mut response = documents::as_s3_writes(response, exchange.operation())
            .await
            .unwrap_or_else(|error| error_document::response(&error, &exchange));
        if let Err(error) = exchange.audit_if_unheard(response.extensions().get::<Error>()).await {
            response = error_document::response(&error, &exchange);
        }
        // The range of a HEAD is answered as that of a GET.
        if is_head
            && response.status() == StatusCode::OK
            && response.headers().contains_key(header::CONTENT_RANGE)
        {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        if let Some(asked) = cors {
            cors::allow(&self.s3, bucket, &asked, response.headers_mut()).await;
        }
        finish(response, &exchange)
    }

    async fn respond(&self, exchange: &Arc<Exchange>, request: wire::Request) -> wire::Response {
        let mut service = S3ServiceBuilder::new(table::Served(exchange.clone()));
        service.set_auth(Keys(exchange.clone()));
        service.set_access(Access(exchange.clone()));
        service.set_host(self.hosts.clone());
        service.set_config(self.limits.clone());
        match service.build().call(incoming(request)).await {
            Ok(response) => response.map(BodyExt::boxed_unsync),
            Err(error) => error_document::response(&abandoned(error), exchange),
        }
    }
}

#[async_trait]
impl HttpService for Frontend {
    async fn handle(&self, request: wire::Request, peer: Peer) -> wire::Response {
        let waiting = Waiting::of(&request);
        let mut response = self.answer(request, peer).await;
        if waiting.is_some_and(|waiting| waiting.may_not_be_asked(response.status())) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

fn limits() -> Arc<StaticConfigProvider> {
    let mut limits = S3Config::default();
    limits.xml_max_body_size = LARGEST_DOCUMENT;
    limits.post_object_max_file_size = LARGEST_FORM_FILE;
    limits.form_max_field_size = LARGEST_FORM_FIELDS;
    limits.form_max_fields_size = LARGEST_FORM_FIELDS;
    Arc::new(StaticConfigProvider::new(Arc::new(limits)))
}

/// A client that waits to be asked for its body.
#[derive(Clone, Copy)]
struct Waiting {
    has_body: bool,
}

impl Waiting {
    fn of(request: &wire::Request) -> Option<Self> {
        let is = |name, value: &str| {
            let given = request.headers().get(name).map(HeaderValue::as_bytes);
            given.is_some_and(|given| given.eq_ignore_ascii_case(value.as_bytes()))
        };
        let waits = request.version() == Version::HTTP_11 && is(header::EXPECT, "100-continue");
        waits.then(|| Self { has_body: !is(header::CONTENT_LENGTH, "0") })
    }

    /// Whether it may get its answer without having been asked: a body that is refused is not read, and one of
    /// nothing cannot be. Its connection has to end then, and say so: botocore would take the answer to its next
    /// request for part of this one, or write into a connection that is closed.
    fn may_not_be_asked(self, status: StatusCode) -> bool {
        !self.has_body || status.as_u16() >= 400
    }
}

fn incoming(request: wire::Request) -> s3s::HttpRequest {
    request.map(s3s::Body::http_body_unsync)
}

fn abandoned(error: s3s::HttpError) -> Error {
    Error::internal(s3s::StdError::from(error))
}

/// Adds the headers that every response has.
fn finish(mut response: wire::Response, exchange: &Exchange) -> wire::Response {
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("x-amz-request-id", &exchange.request_id());
    set("x-amz-id-2", &exchange.host_id());
    response
}
