//! HTTP to the endpoint, with bounds on time and size.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper_rustls::builderstates::WantsSchemes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

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
    pub fn tls() -> io::Result<Self> {
        let builder = hyper_rustls::HttpsConnectorBuilder::new();
        Ok(Self::over(builder.with_provider_and_native_roots(default_provider())?))
    }

    /// With the certificates of the file that `AWS_CA_BUNDLE` names and no others, as clients of AWS's APIs have it; without
    /// it with those that the machine trusts. Errors: the file cannot be read, or holds none.
    pub fn tls_of_clients() -> io::Result<Self> {
        match std::env::var_os("AWS_CA_BUNDLE").filter(|file| !file.is_empty()) {
            Some(file) => Self::trusting(Path::new(&file)),
            None => Self::tls(),
        }
    }

    /// With the certificates of a file in PEM. Errors: it cannot be read, or holds none.
    fn trusting(file: &Path) -> io::Result<Self> {
        let wrong = |why: &dyn std::fmt::Display| io::Error::other(format!("{}: {why}", file.display()));
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
            roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
        }
        if roots.is_empty() {
            return Err(wrong(&"it holds no certificate in PEM"));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self::over(hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config)))
    }

    fn over(builder: HttpsConnectorBuilder<WantsSchemes>) -> Self {
        let mut tcp = connector();
        tcp.enforce_http(false);
        let connector = builder.https_only().enable_http1().wrap_connector(tcp);
        Self::Tls(Client::builder(TokioExecutor::new()).build(connector))
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
            let cause = first_cause(&cause);
            tracing::warn!(cause, host, "an endpoint could not be reached");
            let message = format!("Could not connect to the endpoint {host}: {cause}");
            Err(unavailable("ServiceUnavailable", message))
        }
        Err(_) => {
            tracing::warn!(host, seconds = limit.as_secs(), "an endpoint did not answer in time");
            Err(unavailable("RequestTimeout", format!("The endpoint {host} did not answer in time.")))
        }
    }
}

/// What everything else followed from: `Connection refused`, `invalid peer certificate: UnknownIssuer`.
fn first_cause(error: &BodyError) -> String {
    let mut cause: &dyn std::error::Error = error.as_ref();
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_must_be_one() {
        let folder = std::env::temp_dir();
        let missing = Transport::trusting(&folder.join("no-authority.pem")).err().unwrap().to_string();
        assert!(missing.contains("no-authority.pem"), "{missing}");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let empty = Transport::trusting(&source).err().unwrap().to_string();
        assert!(empty.contains("no certificate"), "{empty}");
    }
}
