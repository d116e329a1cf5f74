//! Posts to subscribers: bounded in time, without following redirects, and only where [`Guard`] connects to.

use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Uri, header};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use outbound::Guard;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::error::Error;

/// From looking the name up to the status of the answer. Source: SNS Developer Guide, "HTTP/HTTPS endpoints".
const TIMEOUT: Duration = Duration::from_secs(15);
const LONGEST_URL: usize = 2_048;

/// Makes connections.
pub(crate) struct Http {
    guard: Guard,
    /// Made when it is first needed, since it reads the certificates that the machine trusts.
    tls: OnceCell<TlsConnector>,
}

/// A request to a subscriber.
pub(crate) struct Post<'p> {
    pub url: &'p str,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// Why a subscriber did not take a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// It is tried again.
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    Refused(String),
}

impl From<outbound::Failure> for Failure {
    fn from(failure: outbound::Failure) -> Self {
        match failure {
            outbound::Failure::Unresolved(why) | outbound::Failure::Unreachable(why) => {
                Self::Unavailable(why)
            }
            outbound::Failure::Refused(ip) => Self::Refused(format!("no messages are sent to {ip}")),
            outbound::Failure::Own => Self::Refused("no messages are sent to this server itself".into()),
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Checks an endpoint when it is subscribed. `scheme` is `http` or `https`. Errors: `InvalidParameter`.
pub(crate) fn check_url(url: &str, scheme: &str) -> Result<(), Error> {
    if !url.strip_prefix(scheme).is_some_and(|rest| rest.starts_with("://")) {
        return Err(Error::invalid("Endpoint must match the specified protocol"));
    }
    let uri: Uri = url.parse().map_err(|_| Error::invalid("Endpoint"))?;
    let authority = uri.authority().filter(|authority| !authority.host().is_empty());
    let authority = authority.ok_or_else(|| Error::invalid("Endpoint"))?;
    if authority.as_str().contains('@') {
        return Err(Error::not_implemented("Endpoints with user name and password are"));
    }
    if url.len() > LONGEST_URL { Err(Error::invalid("Endpoint")) } else { Ok(()) }
}

impl Http {
    pub fn new(guard: Guard) -> Self {
        Self { guard, tls: OnceCell::new() }
    }

    /// Success is any status from 200 to 299. Errors: `Unavailable` for what may get better (no connection, no answer in
    /// time, 429, 5xx), else `Refused`.
    pub async fn post(&self, post: Post<'_>) -> Result<(), Failure> {
        let answered = tokio::time::timeout(TIMEOUT, self.exchange(post)).await;
        let status =
            answered.unwrap_or_else(|_| Err(Failure::Unavailable("no answer within 15 seconds".into())))?;
        match status {
            200..300 => Ok(()),
            429 | 500.. => Err(Failure::Unavailable(format!("the endpoint answered {status}"))),
            _ => Err(Failure::Refused(format!("the endpoint answered {status}"))),
        }
    }

    async fn exchange(&self, post: Post<'_>) -> Result<u16, Failure> {
        let refused = |error: &dyn std::fmt::Display| Failure::Refused(error.to_string());
        let unavailable = |error: &dyn std::fmt::Display| Failure::Unavailable(error.to_string());
        let uri: Uri = post.url.parse().map_err(|error: ::http::uri::InvalidUri| refused(&error))?;
        let secure = uri.scheme_str() == Some("https");
        let authority = uri.authority().ok_or_else(|| refused(&"the endpoint has no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let mut request = Request::post(uri.path_and_query().map_or("/", |path| path.as_str()))
            .header(header::HOST, authority.as_str())
            .header(header::CONNECTION, "close");
        for (name, value) in &post.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(Bytes::from(post.body))).map_err(|error| refused(&error))?;
        let stream = self.guard.connect(&host, port).await?;
        let stream: Box<dyn Io> = if secure {
            let name = ServerName::try_from(host).map_err(|error| refused(&error))?;
            Box::new(self.tls().await?.connect(name, stream).await.map_err(|error| unavailable(&error))?)
        } else {
            Box::new(stream)
        };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| unavailable(&error))?;
        // Its own set: when the exchange is given up, so is the connection.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let response = sender.send_request(request).await.map_err(|error| unavailable(&error))?;
        Ok(response.status().as_u16())
    }

    async fn tls(&self) -> Result<&TlsConnector, Failure> {
        self.tls.get_or_try_init(async || connector()).await
    }
}

fn connector() -> Result<TlsConnector, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Unavailable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_its_protocol() {
        let refusal = |url: &str, scheme: &str| {
            check_url(url, scheme).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
        };
        assert_eq!(refusal("http://example.com/a?b", "http"), "fine");
        assert_eq!(refusal("https://[::1]:4/", "https"), "fine");
        let differs = "Invalid parameter: Endpoint must match the specified protocol";
        assert_eq!(refusal("https://example.com", "http"), differs);
        assert_eq!(refusal("ftp://example.com", "http"), differs);
        assert_eq!(refusal("http://", "http"), "Invalid parameter: Endpoint");
        assert_eq!(refusal("http://a b/", "http"), "Invalid parameter: Endpoint");
        assert!(refusal("https://u:p@example.com/", "https").contains("not built"));
        assert!(refusal(&format!("http://example.com/{}", "x".repeat(2_048)), "http").contains("Endpoint"));
    }
}
