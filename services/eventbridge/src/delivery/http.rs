//! HTTP to the outside: bounded in time and size, over TLS alone, without following redirects, and only where [`Guard`]
//! connects to.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use outbound::Guard;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tower_service::Service;

use super::targets::{Failure, Retry};
use crate::records::{Parameter, Place};

/// From connecting to the last byte of the answer. Source: EventBridge User Guide, "API destinations".
const TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_ANSWER_BYTES: usize = 1024 * 1024;
/// Statuses after which the same request may succeed. Source: as above.
const TRIED_AGAIN: [u16; 4] = [401, 407, 409, 429];

/// Makes requests.
pub(crate) struct Http {
    guard: Guard,
    /// Made when it is first needed, since it reads the certificates that the machine trusts.
    client: OnceCell<Client<HttpsConnector<Connector>, Full<Bytes>>>,
}

/// Connects to the host of an address.
#[derive(Clone)]
struct Connector(Guard);

/// A request that is being put together.
pub(super) struct Outgoing {
    method: String,
    address: String,
    headers: BTreeMap<String, String>,
    pub body: Bytes,
}

pub(super) struct Answer {
    pub status: u16,
    pub body: Bytes,
    retry_after: Option<i64>,
}

impl Service<http::Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = outbound::Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, address: http::Uri) -> Self::Future {
        let guard = self.0.clone();
        Box::pin(async move {
            let host = address.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            guard.connect(host, address.port_u16().unwrap_or(443)).await.map(TokioIo::new)
        })
    }
}

impl Http {
    pub(crate) fn new(guard: Guard) -> Self {
        Self { guard, client: OnceCell::new() }
    }

    /// Errors: `INVALID_PARAMETER` for what is no request, `CONNECTION_FAILURE`, `TIMEOUT`.
    pub(super) async fn send(&self, request: Outgoing) -> Result<Answer, Failure> {
        let client = self.client.get_or_try_init(async || client(&self.guard)).await.map_err(|error| {
            let message = format!("The certificates that this machine trusts could not be read: {error}");
            Failure::later("CONNECTION_FAILURE", message)
        })?;
        let request = request.build()?;
        let exchange = async {
            let response = client.request(request).await.map_err(connection_failure)?;
            let (parts, body) = response.into_parts();
            let retry_after =
                parts.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            let body = Limited::new(body, LONGEST_ANSWER_BYTES).collect().await;
            // The answer's body says nothing that is needed but for tokens, which are short.
            let body = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
            Ok(Answer { status: parts.status.as_u16(), body, retry_after })
        };
        let in_time = tokio::time::timeout(TIMEOUT, exchange).await;
        in_time.unwrap_or_else(|_| {
            Err(Failure::later("TIMEOUT", "The endpoint did not answer within 5 seconds."))
        })
    }
}

fn client(guard: &Guard) -> std::io::Result<Client<HttpsConnector<Connector>, Full<Bytes>>> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider)?
        .https_only()
        .enable_http1()
        .wrap_connector(Connector(guard.clone()));
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// What may not be connected to is not tried again, and neither is a name that does not resolve.
fn connection_failure(error: hyper_util::client::legacy::Error) -> Failure {
    let mut message = error.to_string();
    let mut never = false;
    let mut cause = error.source();
    while let Some(inner) = cause {
        message = format!("{message}: {inner}");
        never |= match inner.downcast_ref() {
            Some(
                outbound::Failure::Unresolved(_) | outbound::Failure::Refused(_) | outbound::Failure::Own,
            ) => true,
            Some(outbound::Failure::Unreachable(_)) | None => false,
        };
        cause = inner.source();
    }
    match never {
        true => Failure::never("CONNECTION_FAILURE", message),
        false => Failure::later("CONNECTION_FAILURE", message),
    }
}

impl Answer {
    pub fn retry(&self) -> Retry {
        match (self.status, self.retry_after) {
            // A negative time asks not to come again.
            (_, Some(seconds)) if seconds < 0 => Retry::Never,
            (status, seconds) if TRIED_AGAIN.contains(&status) || status >= 500 => Retry::Later {
                not_before: seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
            },
            _ => Retry::Never,
        }
    }
}

impl Outgoing {
    pub fn new(method: &str, address: &str) -> Self {
        let (method, address) = (method.to_owned(), address.to_owned());
        Self { method, address, headers: BTreeMap::new(), body: Bytes::new() }
    }

    /// Names of headers are the same in any case.
    pub fn header(&mut self, name: &str, value: &str) {
        self.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }

    pub fn query(&mut self, name: &str, value: &str) {
        let pair = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        self.query_text(&pair);
    }

    /// Adds to the query what is encoded already.
    pub fn query_text(&mut self, text: &str) {
        self.address.push(if self.address.contains('?') { '&' } else { '?' });
        self.address.push_str(text);
    }

    /// Adds the parameters of a connection; answers those that belong into the body.
    pub fn add(&mut self, parameters: &[Parameter]) -> Vec<(String, String)> {
        let mut body = Vec::new();
        for Parameter { place, key, value, .. } in parameters {
            match place {
                Place::Header => self.header(key, value),
                Place::Query => self.query(key, value),
                Place::Body => body.push((key.clone(), value.clone())),
            }
        }
        body
    }

    fn build(self) -> Result<http::Request<Full<Bytes>>, Failure> {
        let mut request = http::Request::builder().method(self.method.as_str()).uri(self.address);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request
            .body(Full::new(self.body))
            .map_err(|error| Failure::never("INVALID_PARAMETER", format!("It is no request: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_get_better_is_tried_again() {
        let retry = |status, retry_after| Answer { status, body: Bytes::new(), retry_after }.retry();
        let soon = Retry::Later { not_before: None };
        assert_eq!(
            [401, 409, 429, 500, 503].map(|status| retry(status, None)),
            [(); 5].map(|()| soon.clone())
        );
        assert_eq!([400, 403, 404].map(|status| retry(status, None)), [(); 3].map(|()| Retry::Never));
        let later = Retry::Later { not_before: Some(Duration::from_secs(7)) };
        assert_eq!(retry(503, Some(7)), later);
        assert_eq!(retry(503, Some(-1)), Retry::Never);
    }

    #[tokio::test]
    async fn what_the_operator_forbids_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}/", listener.local_addr().unwrap());
        let guard = Guard::new("10.0.0.1:1".parse().unwrap(), vec!["127.0.0.0/8".parse().unwrap()]);
        let sending = Http::new(guard).send(Outgoing::new("GET", &address)).await;
        let failure = sending.err().unwrap();
        assert_eq!((failure.code, failure.retry), ("CONNECTION_FAILURE", Retry::Never));
        assert!(failure.message.contains("127.0.0.1 may not be connected to"), "{}", failure.message);
    }

    #[test]
    fn queries_are_encoded() {
        let mut request = Outgoing::new("GET", "https://example.com/a?b=c");
        request.query("d e", "&");
        assert_eq!(request.address, "https://example.com/a?b=c&d+e=%26");
    }
}
