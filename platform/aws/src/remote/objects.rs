//! Objects of S3 at an endpoint, streamed both ways. An object is put in one request, so it has 5 GiB at most.
//! Source: Amazon S3 API Reference, GetObject and PutObject.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::try_unfold;
use http::request::Builder;
use http_body_util::{BodyExt, Limited, StreamBody};
use http_body_util::{Empty, combinators::UnsyncBoxBody};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Remote, decode_error};
use crate::error::Error;
use crate::http::{Body, BodyError};
use crate::objects::ObjectId;
use crate::operation::{Protocol, Service, ValidationStyle};
use crate::protocol::bindings::uri::encoded;
use crate::sigv4::UNSIGNED_PAYLOAD;
use crate::sigv4::sign::sign_hashed;
use crate::timestamp::Timestamp;

/// Until an answer begins, and between two pieces of one.
const PATIENCE: Duration = Duration::from_secs(60);
/// No line is slower than this for long.
const SLOWEST_BYTES_PER_SECOND: u64 = 64 * 1024;
const PIECE_BYTES: usize = 64 * 1024;
/// Documents of errors are not longer.
const LONGEST_ERROR_BYTES: usize = 64 * 1024;

/// S3 as far as errors are read.
static S3: Service = Service {
    id: "S3",
    prefix: "s3",
    signing_name: "s3",
    protocol: Protocol::RestXml,
    target_prefix: "",
    api_version: "2006-03-01",
    xml_namespace: "",
    validation: ValidationStyle { code: "InvalidRequest", shows_values: false },
    operations: &[],
    errors: &[],
};

impl Remote {
    /// Writes an object's content to `sink`, and answers how many bytes that were.
    /// Errors: what the endpoint answered; `ServiceUnavailable` where it cannot be reached or falls silent, or where
    /// `sink` cannot be written.
    pub async fn get_object(
        &self,
        object: &ObjectId,
        sink: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u64, Error> {
        let request = http::Request::get(self.object_uri(object)?);
        let nothing: Body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let mut body = self.exchange_object(request, nothing, PATIENCE).await?;
        let mut written = 0;
        loop {
            let frame = tokio::time::timeout(PATIENCE, body.frame()).await;
            let frame = frame.map_err(|_| interrupted("the endpoint fell silent"))?;
            let Some(frame) = frame else { break };
            if let Ok(piece) = frame.map_err(interrupted)?.into_data() {
                written += piece.len() as u64;
                sink.write_all(&piece).await.map_err(interrupted)?;
            }
        }
        sink.flush().await.map_err(interrupted)?;
        Ok(written)
    }

    /// Puts an object of `length` bytes, which `source` must have. `kms_key_id`: encrypted under that key.
    /// Errors: as `get_object`.
    pub async fn put_object(
        &self,
        object: &ObjectId,
        source: impl AsyncRead + Send + Unpin + 'static,
        length: u64,
        kms_key_id: Option<&str>,
    ) -> Result<(), Error> {
        let mut request =
            http::Request::put(self.object_uri(object)?).header("content-length", length.to_string());
        request = request.header("content-type", "application/zip");
        if let Some(key) = kms_key_id {
            request = request.header("x-amz-server-side-encryption", "aws:kms");
            request = request.header("x-amz-server-side-encryption-aws-kms-key-id", key);
        }
        let limit = PATIENCE + Duration::from_secs(length / SLOWEST_BYTES_PER_SECOND);
        self.exchange_object(request, streamed(source), limit).await?;
        Ok(())
    }

    fn object_uri(&self, object: &ObjectId) -> Result<http::Uri, Error> {
        let key: Vec<String> = object.key.split('/').map(encoded).collect();
        self.uri(&format!("/{}/{}", encoded(&object.bucket), key.join("/"))).map_err(Error::internal)
    }

    async fn exchange_object(&self, request: Builder, body: Body, limit: Duration) -> Result<Body, Error> {
        let (mut parts, body) = request.body(body).map_err(Error::internal)?.into_parts();
        let (region, now) = (self.region.as_str(), Timestamp::now());
        if let Some(credentials) = &self.credentials {
            sign_hashed(&mut parts, UNSIGNED_PAYLOAD, credentials, region, "s3", now)
                .map_err(Error::internal)?;
        }
        let response = self.transport.stream(http::Request::from_parts(parts, body), limit).await?;
        let (parts, body) = response.into_parts();
        if parts.status.is_success() {
            return Ok(body);
        }
        let limited = Limited::new(body, LONGEST_ERROR_BYTES);
        let document = tokio::time::timeout(PATIENCE, limited.collect()).await;
        let document =
            document.ok().and_then(Result::ok).map_or_else(Bytes::new, http_body_util::Collected::to_bytes);
        Err(decode_error(&S3, &parts, &document))
    }
}

fn streamed(source: impl AsyncRead + Send + Unpin + 'static) -> UnsyncBoxBody<Bytes, BodyError> {
    let pieces = try_unfold(source, |mut source| async move {
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        let read = source.read_buf(&mut piece).await?;
        Ok::<_, BodyError>((read > 0).then(|| (http_body::Frame::data(piece.freeze()), source)))
    });
    StreamBody::new(pieces).boxed_unsync()
}

fn interrupted(cause: impl std::fmt::Display) -> Error {
    Error::new("ServiceUnavailable", format!("The transfer was interrupted: {cause}")).with_status(503)
}
