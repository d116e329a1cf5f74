//! Connections to the endpoint that are upgraded to a protocol of their own.

use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use super::Remote;
use crate::error::Error;
use crate::http::{BodyError, empty, read};

/// Bytes both ways.
pub type Stream = TokioIo<Upgraded>;

/// What a server has to say to a refusal.
const LONGEST_REFUSAL_BYTES: usize = 4096;

impl Remote {
    /// Opens a stream at a path of the endpoint, for whoever has the token.
    /// Errors: what the endpoint said instead of switching; `ServiceUnavailable` and `RequestTimeout` (503).
    pub async fn upgrade(&self, target: &str, protocol: &'static str, token: &str) -> Result<Stream, Error> {
        let mut token = HeaderValue::try_from(token).map_err(Error::internal)?;
        token.set_sensitive(true);
        let request = http::Request::get(self.uri(target).map_err(Error::internal)?)
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, protocol)
            .header(header::AUTHORIZATION, token)
            .body(empty())
            .map_err(Error::internal)?;
        let response = self.transport.switch(request).await?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let body = response.into_body().map_err(BodyError::from).boxed_unsync();
            let said = read(body, LONGEST_REFUSAL_BYTES).await.unwrap_or_default();
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            return Err(Error::new("NotUpgraded", said).with_status(status.as_u16()));
        }
        let upgraded = hyper::upgrade::on(response).await;
        upgraded
            .map(TokioIo::new)
            .map_err(|error| Error::new("NotUpgraded", error.to_string()).with_status(502))
    }
}
