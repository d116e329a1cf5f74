//! What listens at the addresses of webhooks. Nobody signs in here: a delivery is proved by what its webhook asks for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws::Timestamp;
use aws::http::{Body, HttpService, Peer, Request, Response, Unread, full};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use store::WriteTx;
use tokio::sync::Semaphore;

use super::address;
use super::authentication::{Authentication, is_signed, is_within};
use crate::CodePipeline;
use crate::definitions::Definitions;
use crate::driver::{self, Fault, Started, Triggered};
use crate::engine::Moment;
use crate::error::Error;
use crate::operations::{current_definition, find_pipeline};
use crate::records::{ExecutionTrigger, Webhook, WebhookFailure};

/// A delivery at most. GitHub's are larger only for pushes of thousands of commits.
const LONGEST_BODY_BYTES: usize = 5 * 1024 * 1024;
/// Deliveries in memory at one time; a parsed one takes several times its bytes.
const AT_ONCE: usize = 8;
/// Until a delivery is there: who sends slowly must not keep others out.
const LONGEST: Duration = Duration::from_secs(20);
/// A failure that is on record is not written again before this time: strangers cannot make the server write.
const NOTED_AGAIN_MILLIS: i64 = 1_000;
/// Names of deliveries at most.
const LONGEST_NAME: usize = 128;

/// The part of the front door that answers deliveries.
pub struct WebhookEndpoint {
    codepipeline: Arc<CodePipeline>,
    slots: Semaphore,
}

/// What the sender is told.
struct Answer {
    status: StatusCode,
    message: String,
}

impl Answer {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn fault(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, aws::Error::internal(error).message)
    }
}

impl WebhookEndpoint {
    pub const PREFIX: &'static str = address::PREFIX;

    pub fn new(codepipeline: Arc<CodePipeline>) -> Self {
        Self { codepipeline, slots: Semaphore::new(AT_ONCE) }
    }

    async fn answer(&self, request: Request, peer: Peer) -> Result<Answer, Answer> {
        let (parts, body) = request.into_parts();
        let unknown = || Answer::new(StatusCode::NOT_FOUND, "There is no webhook at this address.");
        let token = address::token(parts.uri.path()).ok_or_else(unknown)?;
        if parts.method != Method::POST {
            return Err(Answer::new(StatusCode::METHOD_NOT_ALLOWED, "Deliveries are posted."));
        }
        let webhook = self.find(address::hash(token)).await?.ok_or_else(unknown)?;
        match self.proved(&webhook, &parts.headers, body, peer.ip).await {
            Err(refusal) if !refusal.status.is_server_error() => {
                self.note(&webhook, &refusal).await?;
                Err(refusal)
            }
            answered => answered,
        }
    }

    async fn proved(
        &self,
        webhook: &Webhook,
        headers: &HeaderMap,
        body: Body,
        sender: IpAddr,
    ) -> Result<Answer, Answer> {
        check_sender(&webhook.authentication, sender)?;
        let _slot = self.slots.acquire().await.map_err(Answer::fault)?;
        let body = read(body).await?;
        self.check_signature(webhook, headers, &body)?;
        let delivery: Value = serde_json::from_slice(&body)
            .map_err(|error| Answer::new(StatusCode::BAD_REQUEST, format!("The body is no JSON: {error}")))?;
        self.take_in(webhook, delivery_name(headers), delivery).await
    }

    async fn find(&self, hash: String) -> Result<Option<Webhook>, Answer> {
        let read = self.codepipeline.store.read(move |tx| {
            let found = tx.scan_index::<Webhook>(Webhook::ADDRESS, Webhook::with_address(&hash), 1)?;
            Ok::<_, store::Error>(found.into_records().pop())
        });
        read.await.map_err(Answer::fault)
    }

    fn check_signature(&self, webhook: &Webhook, headers: &HeaderMap, body: &[u8]) -> Result<(), Answer> {
        let Authentication::GithubHmac { sealed_secret } = &webhook.authentication else { return Ok(()) };
        let secret = self.codepipeline.sealer.open_text(&webhook.secret_purpose(), sealed_secret);
        let secret = secret.map_err(Answer::fault)?;
        match is_signed(headers, body, secret.as_bytes()) {
            true => Ok(()),
            false => Err(Answer::new(StatusCode::FORBIDDEN, "The signature of the delivery is not valid.")),
        }
    }

    /// Starts an execution if the delivery passes the filters, in the transaction that notes it.
    async fn take_in(
        &self,
        webhook: &Webhook,
        name: Option<String>,
        delivery: Value,
    ) -> Result<Answer, Answer> {
        let definitions = self.codepipeline.definitions.clone();
        let (key, id, moment) = (Webhook::key_of(&webhook.scope, &webhook.name), webhook.id, driver::now());
        let write = self.codepipeline.store.write(move |tx| {
            let known = tx.get::<Webhook>(&key)?.map(store::Versioned::into_inner);
            // It may have been deleted, or made again, while the delivery was read.
            let Some(webhook) = known.filter(|known| known.id == id) else {
                return Ok(Err(Answer::new(StatusCode::NOT_FOUND, "There is no webhook at this address.")));
            };
            start(tx, &definitions, webhook, name.as_deref(), &delivery, moment)
        });
        write.await.map_err(|fault: Fault| Answer::fault(fault))?
    }

    async fn note(&self, webhook: &Webhook, refusal: &Answer) -> Result<(), Answer> {
        let key = Webhook::key_of(&webhook.scope, &webhook.name);
        let (id, now) = (webhook.id, Timestamp::now());
        let failure =
            WebhookFailure { code: refusal.status.as_u16(), message: refusal.message.clone(), at: now };
        let write = self.codepipeline.store.write(move |tx| {
            let known = tx.get::<Webhook>(&key)?.map(store::Versioned::into_inner);
            let Some(mut webhook) = known.filter(|known| known.id == id) else { return Ok(()) };
            let recent = |last: &WebhookFailure| now.as_millis() - last.at.as_millis() < NOTED_AGAIN_MILLIS;
            if webhook.failure.as_ref().is_some_and(recent) {
                return Ok(());
            }
            webhook.failure = Some(failure.clone());
            tx.put(&webhook).map(|_| ())
        });
        write.await.map_err(|error: store::Error| Answer::fault(error))
    }
}

fn start(
    tx: &mut WriteTx<'_>,
    definitions: &Definitions,
    mut webhook: Webhook,
    name: Option<&str>,
    delivery: &Value,
    moment: Moment,
) -> Result<Result<Answer, Answer>, Fault> {
    let gone = |what: String| Ok(Err(Answer::new(StatusCode::UNPROCESSABLE_ENTITY, what)));
    let pipeline = match find_pipeline(tx, &webhook.scope, &webhook.target_pipeline) {
        Err(Error::PipelineNotFound { name, .. }) => {
            return gone(format!("Pipeline '{name}' does not exist."));
        }
        found => found?,
    };
    let definition = current_definition(tx, definitions, &pipeline)?;
    let target =
        definition.actions().map(|(_, action)| action).find(|action| action.name == webhook.target_action);
    let Some(configuration) = target.and_then(|action| action.configuration.as_ref()) else {
        return gone(format!("The pipeline has no action '{}' any more.", webhook.target_action));
    };
    for filter in &webhook.filters {
        if let Err(mismatch) = filter.passes(delivery, configuration) {
            return Ok(Ok(Answer::new(StatusCode::OK, format!("Nothing is started: {mismatch}."))));
        }
    }
    let triggered = Triggered {
        trigger: ExecutionTrigger { kind: "Webhook".to_owned(), detail: webhook.arn() },
        overrides: Vec::new(),
        change: name.map(|name| driver::change_of(webhook.id, name)),
    };
    match driver::start(tx, definitions, &pipeline, triggered, moment)? {
        Started::Execution(_) => {
            webhook.last_triggered = Some(Timestamp::from_millis(moment.at));
            webhook.failure = None;
            tx.put(&webhook)?;
            Ok(Ok(Answer::new(StatusCode::OK, "The pipeline is started.")))
        }
        Started::Not(why) => gone(format!("The pipeline cannot be started: {why}")),
    }
}

fn check_sender(authentication: &Authentication, sender: IpAddr) -> Result<(), Answer> {
    match authentication {
        Authentication::Ip { allowed_range } if !is_within(allowed_range, sender) => {
            let message = format!("Deliveries from {sender} are not allowed.");
            Err(Answer::new(StatusCode::FORBIDDEN, message))
        }
        Authentication::Ip { .. } | Authentication::GithubHmac { .. } | Authentication::Unauthenticated => {
            Ok(())
        }
    }
}

async fn read(body: Body) -> Result<Bytes, Answer> {
    aws::http::read_within(body, LONGEST_BODY_BYTES, LONGEST).await.map_err(|unread| match unread {
        Unread::TooLong => {
            let message = format!("A delivery may have {LONGEST_BODY_BYTES} bytes at most.");
            Answer::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        }
        Unread::TooSlow => Answer::new(StatusCode::REQUEST_TIMEOUT, "The body took too long to come."),
        Unread::Broken => Answer::new(StatusCode::BAD_REQUEST, "The body could not be read."),
    })
}

/// By which a repeated delivery is known again, where the sender names them. Source: GitHub documentation, "Webhook
/// events and payloads".
fn delivery_name(headers: &HeaderMap) -> Option<String> {
    let name = headers.get("x-github-delivery")?.to_str().ok()?;
    (!name.is_empty() && name.len() <= LONGEST_NAME).then(|| name.to_owned())
}

#[async_trait]
impl HttpService for WebhookEndpoint {
    async fn handle(&self, request: Request, peer: Peer) -> Response {
        let (Ok(answer) | Err(answer)) = self.answer(request, peer).await;
        let mut response = Response::new(full(json!({"message": answer.message}).to_string()));
        *response.status_mut() = answer.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
