//! Requests to origins: bounded in time and size, without following redirects.

use std::error::Error as _;
use std::time::Duration;

use aws::Timestamp;
use bytes::{Bytes, BytesMut};
use http::{StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::OnceCell;

use super::Trouble;
use crate::content::Receiver;
use crate::error::Error;

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// Until an answer begins, and from one piece of it to the next.
const SILENCE: Duration = Duration::from_secs(20);
/// Of an index page, all in all.
const PAGE: Duration = Duration::from_secs(60);
/// Of an index page, in bytes.
pub const LARGEST_PAGE: usize = 64 * 1024 * 1024;

/// The client; made when it is first needed, since it reads the certificates that the machine trusts.
#[derive(Default)]
pub struct Http(OnceCell<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>>);

/// An index page as it came.
pub struct Page {
    /// Empty if the origin has none.
    pub body: Option<Bytes>,
    pub media_type: String,
    /// When it was last changed, as the origin says.
    pub modified: Option<Timestamp>,
}

impl Http {
    /// A page of the index; without a body if there is none.
    pub async fn page(&self, connection: &str, url: &str, accept: &str) -> Result<Page, Trouble> {
        let exchange = async {
            let answer = self.get(connection, url, accept).await?;
            let media_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let media_type = media_type.unwrap_or_default().to_owned();
            let modified = answer.headers().get(header::LAST_MODIFIED).and_then(|value| value.to_str().ok());
            let modified = modified.and_then(Timestamp::parse_http_date);
            match answer.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND | StatusCode::GONE => {
                    return Ok(Page { body: None, media_type, modified });
                }
                status => return Err(answered(connection, &format!("{status} for {url}"))),
            }
            let mut body = answer.into_body();
            let mut read = BytesMut::new();
            while let Some(piece) = next(connection, &mut body).await? {
                if read.len() + piece.len() > LARGEST_PAGE {
                    return Err(answered(connection, &format!("more than {LARGEST_PAGE} bytes for {url}")));
                }
                read.extend_from_slice(&piece);
            }
            Ok(Page { body: Some(read.freeze()), media_type, modified })
        };
        let in_time = tokio::time::timeout(PAGE, exchange).await;
        in_time.unwrap_or_else(|_| Err(unreachable(connection, "it did not answer in time")))
    }

    /// The bytes of a file, as far as they come.
    pub async fn file(
        &self,
        connection: &str,
        url: &str,
        receiver: &mut Receiver,
    ) -> Result<Result<(), Trouble>, Error> {
        let answer = match self.get(connection, url, "*/*").await {
            Ok(answer) if answer.status() == StatusCode::OK => answer,
            Ok(answer) => return Ok(Err(answered(connection, &format!("{} for {url}", answer.status())))),
            Err(trouble) => return Ok(Err(trouble)),
        };
        let mut body = answer.into_body();
        loop {
            match next(connection, &mut body).await {
                Ok(Some(piece)) => receiver.write(piece).await?,
                Ok(None) => return Ok(Ok(())),
                Err(trouble) => return Ok(Err(trouble)),
            }
        }
    }

    async fn get(
        &self,
        connection: &str,
        url: &str,
        accept: &str,
    ) -> Result<http::Response<Incoming>, Trouble> {
        let client = self.0.get_or_try_init(async || client()).await;
        let client = client.map_err(|error| unreachable(connection, &error.to_string()))?;
        let request =
            http::Request::get(url).header(header::ACCEPT, accept).header(header::USER_AGENT, "stagewright");
        let request =
            request.body(Empty::new()).map_err(|error| unreachable(connection, &error.to_string()))?;
        let answer = tokio::time::timeout(SILENCE, client.request(request)).await;
        let answer = answer.map_err(|_| unreachable(connection, "it did not answer in time"))?;
        answer.map_err(|error| {
            let mut message = error.to_string();
            let mut cause = error.source();
            while let Some(inner) = cause {
                message = format!("{message}: {inner}");
                cause = inner.source();
            }
            unreachable(connection, &message)
        })
    }
}

async fn next(connection: &str, body: &mut Incoming) -> Result<Option<Bytes>, Trouble> {
    loop {
        let frame = tokio::time::timeout(SILENCE, body.frame()).await;
        let frame = frame.map_err(|_| unreachable(connection, "its answer stalled"))?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(answered(connection, &format!("and broke off: {error}"))),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(_) => continue,
            },
        }
    }
}

pub fn answered(connection: &str, what: &str) -> Trouble {
    Trouble::Answer { connection: connection.to_owned(), what: what.to_owned() }
}

pub fn unreachable(connection: &str, cause: &str) -> Trouble {
    Trouble::Unreachable { connection: connection.to_owned(), cause: cause.to_owned() }
}

fn client() -> std::io::Result<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.enforce_http(false);
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider)?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}
