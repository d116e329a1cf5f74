//! HTTP to the endpoint, with bounds on time and size.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::error::Error;
use crate::http::{Body, BodyError, Unread, full, read};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From sending to the last byte of the answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// No answer of these APIs is longer; objects of S3 do not come this way.
const LONGEST_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// HTTP as it is, or over TLS.
#[derive(Clone)]
pub enum Transport {
    Plain(Client<HttpConnector, Body>),
    Tls(Client<HttpsConnector<HttpConnector>, Body>),
}

impl Transport {
    pub fn plain() -> Self {
        Self::Plain(Client::builder(TokioExecutor::new()).build(connector()))
    }

    /// With the certificates that the machine trusts.
    pub fn tls() -> std::io::Result<Self> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let mut tcp = connector();
        tcp.enforce_http(false);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)?
            .https_only()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self::Tls(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Sends a request once; redirects are not followed. Boxed, so that the compiler proves it sendable here and not at
    /// each caller. Errors: `ServiceUnavailable` and `RequestTimeout`, both with status 503.
    pub fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, Error>> + Send + '_>> {
        Box::pin(async move {
            let host = host(request.uri());
            in_time(&host, CALL_TIMEOUT, async {
                let (parts, body) = self.exchange(request.map(full)).await?.into_parts();
                match read(body, LONGEST_ANSWER_BYTES).await {
                    Ok(body) => Ok(http::Response::from_parts(parts, body)),
                    Err(Unread::TooLong) => Err("its answer is too long".into()),
                    Err(Unread::Broken | Unread::TooSlow) => Err("its answer broke off".into()),
                }
            })
            .await
        })
    }

    /// Sends a body that may stream, and answers one that does. `limit` is the time until the answer begins.
    /// Errors: as `send`.
    pub async fn stream(
        &self,
        request: http::Request<Body>,
        limit: Duration,
    ) -> Result<http::Response<Body>, Error> {
        let host = host(request.uri());
        in_time(&host, limit, self.exchange(request)).await
    }

    /// Sends a request whose answer is to switch to another protocol. Gives the answer whatever it is, to be upgraded.
    /// Errors: as `send`.
    pub async fn switch(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<hyper::body::Incoming>, Error> {
        let host = host(request.uri());
        in_time(&host, CALL_TIMEOUT, async {
            Ok(match self {
                Self::Plain(client) => client.request(request).await?,
                Self::Tls(client) => client.request(request).await?,
            })
        })
        .await
    }

    async fn exchange(&self, request: http::Request<Body>) -> Result<http::Response<Body>, BodyError> {
        let response = match self {
            Self::Plain(client) => client.request(request).await?,
            Self::Tls(client) => client.request(request).await?,
        };
        Ok(response.map(|body| body.map_err(BodyError::from).boxed_unsync()))
    }
}

async fn in_time<T>(
    host: &str,
    limit: Duration,
    exchange: impl Future<Output = Result<T, BodyError>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, exchange).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(cause)) => {
            tracing::warn!(%cause, host, "an endpoint could not be reached");
            Err(unavailable("ServiceUnavailable", format!("Could not connect to the endpoint {host}.")))
        }
        Err(_) => {
            tracing::warn!(host, seconds = limit.as_secs(), "an endpoint did not answer in time");
            Err(unavailable("RequestTimeout", format!("The endpoint {host} did not answer in time.")))
        }
    }
}

fn host(uri: &http::Uri) -> String {
    uri.authority().map_or_else(String::new, ToString::to_string)
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_nodelay(true);
    connector
}

fn unavailable(code: &'static str, message: String) -> Error {
    Error::new(code, message).with_status(503)
}
