//! The requests of a worker, and what their answers mean.

use std::time::Duration;

use aws::Remote;
use bytes::Bytes;
use codebuild::WorkerEndpoint;
use codebuild::workers::{Asking, GivenUp, Lease, TOKEN};
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use runner::remote::{Stream, Told};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::leases::Record;

/// Between two tries of a request.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub struct Link {
    remote: Remote,
    worker: String,
    /// The fleet to which it belongs, by name or ARN.
    fleet: Option<String>,
    containers: bool,
    /// Of the one build that it is for; without a key.
    build_token: Option<String>,
}

/// Why a request has not had its effect.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The build is not this worker's any more.
    #[error("the lease is over")]
    Over,
    /// So many bytes are there.
    #[error("the server has only {0} bytes")]
    Gap(u64),
    #[error("{0}")]
    Refused(aws::Error),
    /// It may be tried again.
    #[error("{0}")]
    Unreachable(aws::Error),
}

impl Link {
    /// `containers`: it runs containers.
    pub fn new(remote: Remote, worker: String, fleet: Option<String>, containers: bool) -> Self {
        Self { remote, worker, fleet, containers, build_token: None }
    }

    /// Of a worker that shows the token of its build instead of signing.
    pub fn with_build_token(self, build_token: Option<String>) -> Self {
        Self { build_token, ..self }
    }

    /// Waits some time for a build.
    pub async fn lease(&self, wanted: Option<Uuid>) -> Result<Option<Lease>, Failure> {
        let wanted = wanted.map(|id| format!("build={id}"));
        let body = words(&Asking { worker: self.worker.clone(), containers: self.containers })?;
        let (status, body) = self.post("lease", wanted.as_deref(), None, body).await?;
        match status {
            StatusCode::NO_CONTENT => Ok(None),
            _ => serde_json::from_slice(&body).map(Some).map_err(unread),
        }
    }

    /// A piece of the archive of its files; empty at the end.
    pub async fn files(&self, record: &Record, offset: u64) -> Result<Bytes, Failure> {
        self.insist(record, "files", Some(offset), Bytes::new()).await
    }

    pub async fn append(
        &self,
        record: &Record,
        stream: Stream,
        offset: u64,
        bytes: Bytes,
    ) -> Result<Told, Failure> {
        let answer = self.insist(record, stream.name(), Some(offset), bytes).await?;
        serde_json::from_slice(&answer).map_err(unread)
    }

    /// A sign of life; answers after some seconds. Tried once, within `limit`.
    pub async fn alive(&self, record: &Record, limit: Duration) -> Result<Told, Failure> {
        let target = format!("{}/alive", record.build);
        let asked = tokio::time::timeout(limit, self.post(&target, None, Some(record), Bytes::new())).await;
        let late = || aws::Error::new("RequestTimeout", "The server did not answer in time.");
        let (_, answer) = asked.map_err(|_| Failure::Unreachable(late()))??;
        serde_json::from_slice(&answer).map_err(unread)
    }

    pub async fn finish(&self, record: &Record) -> Result<(), Failure> {
        self.insist(record, "finish", None, Bytes::new()).await.map(drop)
    }

    pub async fn give_up(&self, record: &Record, why: String, again: bool) -> Result<(), Failure> {
        self.insist(record, "give-up", None, words(&GivenUp { why, again })?).await.map(drop)
    }

    /// Until the server answers: all requests about a build may be repeated.
    async fn insist(
        &self,
        record: &Record,
        what: &str,
        offset: Option<u64>,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        let target = format!("{}/{what}", record.build);
        let offset = offset.map(|offset| format!("offset={offset}"));
        let mut pause = FIRST_PAUSE;
        loop {
            match self.post(&target, offset.as_deref(), Some(record), body.clone()).await {
                Err(Failure::Unreachable(error)) => {
                    tracing::debug!(%error, build.uuid = %record.build, "a request is repeated");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                done => return done.map(|(_, body)| body),
            }
        }
    }

    async fn post(
        &self,
        target: &str,
        query: Option<&str>,
        record: Option<&Record>,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let fleet = record.map_or(&self.fleet, |record| &record.fleet);
        let fleet =
            fleet.as_ref().map(|fleet| format!("fleet={}", utf8_percent_encode(fleet, NON_ALPHANUMERIC)));
        let query: Vec<&str> = query.into_iter().chain(fleet.as_deref()).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let target = format!("{}{target}{mark}{}", WorkerEndpoint::PREFIX, query.join("&"));
        let token = record.map(|record| &record.token).or(self.build_token.as_ref());
        let token: Vec<_> = token.into_iter().map(|token| (TOKEN, token.as_str())).collect();
        let answer = self.remote.post("codebuild", &target, &token, body).await;
        let (parts, body) = answer.map_err(Failure::Unreachable)?.into_parts();
        match parts.status {
            status if status.is_success() => Ok((status, body)),
            StatusCode::GONE => Err(Failure::Over),
            status => Err(failure(status, &body)),
        }
    }
}

fn failure(status: StatusCode, body: &[u8]) -> Failure {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    let error = aws::Error::new(text("__type"), text("message")).with_status(status.as_u16());
    match (status, told["length"].as_u64()) {
        (StatusCode::CONFLICT, Some(length)) => Failure::Gap(length),
        (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS, _) => Failure::Unreachable(error),
        (status, _) if status.is_server_error() => Failure::Unreachable(error),
        _ => Failure::Refused(error),
    }
}

fn words(value: &impl Serialize) -> Result<Bytes, Failure> {
    let text = serde_json::to_vec(value).map_err(|error| Failure::Refused(aws::Error::internal(error)))?;
    Ok(text.into())
}

/// An answer that is none: of something between the two, or of another version.
fn unread(error: serde_json::Error) -> Failure {
    Failure::Refused(aws::Error::new("UnreadableAnswer", format!("The server's answer: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_say_what_to_do() {
        let of = |status: u16, body: &str| failure(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        assert!(matches!(of(409, r#"{"__type":"GapException","length":7}"#), Failure::Gap(7)));
        assert!(matches!(of(409, ""), Failure::Refused(_)));
        assert!(matches!(of(503, "<html>"), Failure::Unreachable(_)));
        assert!(matches!(of(408, ""), Failure::Unreachable(_)));
        let denied = of(403, r#"{"__type":"AccessDeniedException","message":"no"}"#);
        assert!(matches!(denied, Failure::Refused(error) if error.code == "AccessDeniedException"));
    }
}
