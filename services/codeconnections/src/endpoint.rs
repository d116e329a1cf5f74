//! What listens at the webhooks of connections. Nobody signs in here: a delivery carries its host's proof.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws::http::{HttpService, Peer, Request, Response, Unread, full};
use aws::{Timestamp, event};
use githost::change::Change;
use githost::delivery::{self, Unusable};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::Record;
use tokio::sync::Semaphore;

use crate::CodeConnections;
use crate::change;
use crate::records::{Authorization, Connection};

/// A delivery at most: GitHub sends none that is larger.
const LONGEST_BODY_BYTES: usize = 25 * 1024 * 1024;
/// Deliveries in memory at one time.
const AT_ONCE: usize = 4;

/// Until a delivery is there: who sends slowly must not keep others out.
const LONGEST: Duration = Duration::from_secs(20);

/// The part of the front door that answers deliveries.
pub struct WebhookEndpoint {
    codeconnections: Arc<CodeConnections>,
    slots: Semaphore,
}

/// A new last part of an address.
pub(crate) fn new_token() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// By which a connection is found: what is stored does not tell the address.
pub(crate) fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

pub(crate) fn url(endpoint: &str, token: &str) -> String {
    format!("{}{}{token}", endpoint.trim_end_matches('/'), WebhookEndpoint::PREFIX)
}

type Answer = (StatusCode, String);

fn fault(error: impl std::fmt::Display) -> Answer {
    (StatusCode::INTERNAL_SERVER_ERROR, aws::Error::internal(error).message)
}

impl WebhookEndpoint {
    /// Below it are the webhooks of connections.
    pub const PREFIX: &'static str = "/codeconnections/webhooks/";

    pub fn new(codeconnections: Arc<CodeConnections>) -> Self {
        Self { codeconnections, slots: Semaphore::new(AT_ONCE) }
    }

    async fn answer(&self, request: Request) -> Result<Answer, Answer> {
        let unknown = || (StatusCode::NOT_FOUND, "There is no webhook at this address.".to_owned());
        let (parts, body) = request.into_parts();
        let token = parts.uri.path().strip_prefix(Self::PREFIX).unwrap_or_default();
        if parts.method != Method::POST {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "Deliveries are posted.".to_owned()));
        }
        let connection = self.find(hash(token)).await?.ok_or_else(unknown)?;
        let authorization = connection.authorization.as_ref().ok_or_else(unknown)?;
        let _slot = self.slots.acquire().await.map_err(fault)?;
        let body =
            aws::http::read_within(body, LONGEST_BODY_BYTES, LONGEST).await.map_err(
                |unread| match unread {
                    Unread::TooLong => {
                        let message = format!("A delivery may have {LONGEST_BODY_BYTES} bytes at most.");
                        (StatusCode::PAYLOAD_TOO_LARGE, message)
                    }
                    Unread::TooSlow => {
                        (StatusCode::REQUEST_TIMEOUT, "The body took too long to come.".to_owned())
                    }
                    Unread::Broken => (StatusCode::BAD_REQUEST, "The body could not be read.".to_owned()),
                },
            )?;
        let secret = self
            .codeconnections
            .sealer
            .open_text(&connection.webhook_purpose(), &authorization.sealed_webhook_secret)
            .map_err(fault)?;
        if !delivery::is_genuine(connection.provider, &parts.headers, &body, secret.as_bytes()) {
            tracing::warn!(
                connection = connection.arn(),
                "a delivery was refused: its signature or token is not valid"
            );
            return Err((
                StatusCode::FORBIDDEN,
                "The delivery does not carry the proof of its host.".to_owned(),
            ));
        }
        match delivery::read(connection.provider, &parts.headers, &body) {
            Ok((name, mut changes)) => {
                changes.retain(|change| change::starts_pipelines(connection.provider, change));
                if changes.is_empty() {
                    return Ok((StatusCode::OK, "Nothing happened that starts a pipeline.".to_owned()));
                }
                self.publish(&connection, authorization, name, changes).await
            }
            Err(Unusable::Ignored(why)) => Ok((StatusCode::OK, why.to_owned())),
            Err(Unusable::Malformed(why)) => Err((StatusCode::BAD_REQUEST, why)),
        }
    }

    async fn find(&self, hash: String) -> Result<Option<Connection>, Answer> {
        let read = self.codeconnections.store.read(move |tx| {
            let found =
                tx.scan_index::<Connection>(Connection::WEBHOOK, Connection::with_webhook(&hash), 1)?;
            Ok::<_, store::Error>(found.into_records().pop())
        });
        read.await.map_err(fault)
    }

    /// The changes become events; durable when it returns.
    async fn publish(
        &self,
        connection: &Connection,
        authorization: &Authorization,
        name: String,
        changes: Vec<Change>,
    ) -> Result<Answer, Answer> {
        let (key, proved) = (connection.key(), authorization.webhook_hash.clone());
        let now = Timestamp::now();
        let write = self.codeconnections.store.write(move |tx| {
            let known = tx.get::<Connection>(&key)?.map(store::Versioned::into_inner);
            // It may have been deleted, or authorised anew, while the delivery was read.
            let still = |known: &Connection| {
                known.authorization.as_ref().is_some_and(|given| given.webhook_hash == proved)
            };
            let Some(connection) = known.filter(still) else { return Ok(false) };
            for (number, change) in changes.iter().enumerate() {
                let name = format!("{name}:{number}");
                if let Some(event) = change::event(&connection, change, &name, now) {
                    tx.append(event::TOPIC, &event)?;
                }
            }
            Ok::<_, store::Error>(true)
        });
        match write.await.map_err(fault)? {
            true => Ok((StatusCode::OK, "The change is taken in.".to_owned())),
            false => Err((StatusCode::NOT_FOUND, "There is no webhook at this address.".to_owned())),
        }
    }
}

#[async_trait]
impl HttpService for WebhookEndpoint {
    async fn handle(&self, request: Request, _peer: Peer) -> Response {
        let (Ok((status, message)) | Err((status, message))) = self.answer(request).await;
        let mut response = Response::new(full(json!({ "message": message }).to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
