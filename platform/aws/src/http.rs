//! The HTTP types that the front door hands to services with a protocol of their own (S3, git).

use std::net::IpAddr;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};

pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body that may stream.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;
pub type Request = http::Request<Body>;
pub type Response = http::Response<Body>;

/// From where a request came.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    pub ip: IpAddr,
    pub secure_transport: bool,
}

/// A part of the front door that speaks plain HTTP instead of one of AWS's RPC protocols.
#[async_trait]
pub trait HttpService: Send + Sync {
    async fn handle(&self, request: Request, peer: Peer) -> Response;
}

/// A body that is there at once.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

pub fn empty() -> Body {
    full(Bytes::new())
}
