//! What listens at the addresses of webhooks. Nobody signs in here: a delivery carries its host's proof.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws::{
    Timestamp,
    http::{HttpService, Peer, Request, Response, Unread, full},
};
use githost::{
    change::Change,
    delivery::{self, Unusable},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{Key, Range, Record};
use tokio::sync::Semaphore;

use crate::{
    CodeBuild,
    driver::DELIVERIES,
    records::{Delivery, Webhook},
};

/// A delivery at most: GitHub sends none that is larger.
const LONGEST_BODY_BYTES: usize = 25 * 1024 * 1024;
/// Deliveries in memory at one time.
const AT_ONCE: usize = 4;
/// Until a delivery is there: who sends slowly must not keep others out.
const LONGEST: Duration = Duration::from_secs(20);
/// How long a delivery is known again. Hosts offer to repeat those of the last days.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Old deliveries that are cleared away with each new one.
const CLEARED: usize = 20;
/// Deliveries that wait to be decided, at most.
const MOST_WAITING: u64 = 10_000;

/// The part of the front door that answers deliveries.
pub struct WebhookEndpoint {
    codebuild: Arc<CodeBuild>,
    slots: Semaphore,
}

/// A new last part of an address.
pub(crate) fn new_address() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

pub(crate) fn url(endpoint: &str, address: &str) -> String {
    format!("{}{}{address}", endpoint.trim_end_matches('/'), WebhookEndpoint::PREFIX)
}

type Answer = (StatusCode, String);

fn fault(error: impl std::fmt::Display) -> Answer {
    (StatusCode::INTERNAL_SERVER_ERROR, aws::Error::internal(error).message)
}

impl WebhookEndpoint {
    /// Below it are the webhooks of projects.
    pub const PREFIX: &'static str = "/codebuild/webhooks/";

    pub fn new(codebuild: Arc<CodeBuild>) -> Self {
        Self { codebuild, slots: Semaphore::new(AT_ONCE) }
    }

    async fn answer(&self, request: Request) -> Result<Answer, Answer> {
        let unknown = || (StatusCode::NOT_FOUND, "There is no webhook at this address.".to_owned());
        let (parts, body) = request.into_parts();
        let address = parts.uri.path().strip_prefix(Self::PREFIX).unwrap_or_default();
        if parts.method != Method::POST {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "Deliveries are posted.".to_owned()));
        }
        let webhook = self.find(address.to_owned()).await?.ok_or_else(unknown)?;
        let _slot = self.slots.acquire().await.map_err(fault)?;
        let body = aws::http::read_within(body, LONGEST_BODY_BYTES, LONGEST).await.map_err(unread)?;
        if !self.is_genuine(&webhook, &parts.headers, &body)? {
            tracing::warn!(
                project = webhook.project,
                "a delivery was refused: its signature or token is not valid"
            );
            let message = "The delivery does not carry the proof of its host.".to_owned();
            return Err((StatusCode::FORBIDDEN, message));
        }
        match delivery::read(webhook.provider, &parts.headers, &body) {
            Ok((name, changes)) => self.take(webhook, name, changes, &parts.headers).await,
            Err(Unusable::Ignored(why)) => Ok((StatusCode::OK, why.to_owned())),
            Err(Unusable::Malformed(why)) => Err((StatusCode::BAD_REQUEST, why)),
        }
    }

    fn is_genuine(&self, webhook: &Webhook, headers: &HeaderMap, body: &[u8]) -> Result<bool, Answer> {
        let purpose = Webhook::purpose(&webhook.scope, &webhook.project);
        for sealed in
            [Some(&webhook.sealed_secret), webhook.sealed_next_secret.as_ref()].into_iter().flatten()
        {
            let secret = self.codebuild.sealer.open_text(&purpose, sealed).map_err(fault)?;
            if delivery::is_genuine(webhook.provider, headers, body, secret.as_bytes()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn find(&self, address: String) -> Result<Option<Webhook>, Answer> {
        let read = self.codebuild.store.read(move |tx| {
            let found = tx.scan_index::<Webhook>(Webhook::ADDRESS, Webhook::at(&address), 1)?;
            Ok::<_, store::Error>(found.into_records().pop())
        });
        read.await.map_err(fault)
    }

    /// Keeps a delivery, once; durable when it returns.
    async fn take(
        &self,
        webhook: Webhook,
        name: String,
        changes: Vec<Change>,
        headers: &HeaderMap,
    ) -> Result<Answer, Answer> {
        let now = Timestamp::now();
        let sender = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let delivery = Delivery {
            scope: webhook.scope.clone(),
            project: webhook.project.clone(),
            address: webhook.address.clone(),
            name,
            received: now,
            sender: sender.unwrap_or("webhook").chars().take(128).collect(),
            changes,
        };
        let key = webhook.key();
        let write = self.codebuild.store.write(move |tx| {
            // It may have been deleted while the delivery was read.
            let known = tx.get::<Webhook>(&key)?.filter(|known| known.address == delivery.address);
            if known.is_none() {
                return Ok((StatusCode::NOT_FOUND, "There is no webhook at this address."));
            }
            if tx.exists::<Delivery>(&delivery.key())? {
                return Ok((StatusCode::OK, "The delivery was taken in before."));
            }
            if tx.queue_length(DELIVERIES)? >= MOST_WAITING {
                return Ok((StatusCode::SERVICE_UNAVAILABLE, "Too many deliveries wait to be decided."));
            }
            clear_old(tx, now)?;
            tx.put(&delivery)?;
            tx.enqueue(DELIVERIES, &entry(&delivery), &(&delivery.address, &delivery.name), None)?;
            Ok::<_, store::Error>((StatusCode::OK, "The delivery is taken in."))
        });
        let (status, message) = write.await.map_err(fault)?;
        Ok((status, message.to_owned()))
    }
}

fn entry(delivery: &Delivery) -> String {
    hex::encode(Sha256::digest(format!("{}/{}", delivery.address, delivery.name)))
}

fn clear_old(tx: &mut store::WriteTx<'_>, now: Timestamp) -> Result<(), store::Error> {
    let limit = now.as_millis().saturating_sub(i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX));
    let old = Range::between(Key::empty().and_i64(i64::MIN), Key::empty().and_i64(limit));
    for delivery in tx.scan_index::<Delivery>(Delivery::RECEIVED, old, CLEARED)?.into_records() {
        tx.delete::<Delivery>(&delivery.key())?;
    }
    Ok(())
}

fn unread(unread: Unread) -> Answer {
    match unread {
        Unread::TooLong => {
            let message = format!("A delivery may have {LONGEST_BODY_BYTES} bytes at most.");
            (StatusCode::PAYLOAD_TOO_LARGE, message)
        }
        Unread::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The body took too long to come.".to_owned()),
        Unread::Broken => (StatusCode::BAD_REQUEST, "The body could not be read.".to_owned()),
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
