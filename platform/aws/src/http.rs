//! The HTTP types that the front door hands to services with a protocol of their own (S3, git).

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
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

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    TooLong,
    TooSlow,
    Broken,
}

/// A whole body of `limit` bytes at most, which has to be there in `time`: a longer one is refused while it comes.
pub async fn read_within(body: Body, limit: usize, time: Duration) -> Result<Bytes, Unread> {
    tokio::time::timeout(time, read(body, limit)).await.unwrap_or(Err(Unread::TooSlow))
}

/// A whole body of `limit` bytes at most; a longer one is refused while it comes.
pub async fn read(mut body: Body, limit: usize) -> Result<Bytes, Unread> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() {
            if read.len() + data.len() > limit {
                return Err(Unread::TooLong);
            }
            read.extend_from_slice(&data);
        }
    }
    Ok(read.freeze())
}
