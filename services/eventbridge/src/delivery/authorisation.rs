//! Connections by OAuth: tokens are fetched, kept in memory, and fetched anew when they end or are refused.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::WriteTx;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::http::{Http, Outgoing};
use super::targets::{Failure, Retry};
use super::{LEASE, PAUSE, WORKER};
use crate::EventBridge;
use crate::records::{Auth, Connection, ConnectionKind, ConnectionState, Scheme};

const QUEUE: &str = "eventbridge/authorisations";
/// Attempts to get the first token before the connection is left unauthorised.
const MOST_ATTEMPTS: u32 = 5;
/// Tokens whose end nobody told are kept so long.
const KEPT_FOR: Duration = Duration::from_secs(15 * 60);
/// Tokens are fetched anew so long before they end.
const RENEW_BEFORE: Duration = Duration::from_secs(30);
/// Tokens kept at most.
const MOST_TOKENS: usize = 3_000;

/// The tokens of connections.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<Uuid, Token>>);

struct Token {
    value: Secret,
    good_until: Instant,
}

impl Tokens {
    /// A token of the connection. Errors: what the authorisation endpoint answered.
    pub(super) async fn of(&self, http: &Http, connection: Uuid, scheme: &Scheme) -> Result<Secret, Failure> {
        let mut tokens = self.0.lock().await;
        if let Some(token) = tokens.get(&connection).filter(|token| token.good_until > Instant::now()) {
            return Ok(token.value.clone());
        }
        let token = fetch(http, scheme).await?;
        let value = token.value.clone();
        if tokens.len() >= MOST_TOKENS {
            tokens.clear();
        }
        tokens.insert(connection, token);
        Ok(value)
    }

    pub(crate) async fn forget(&self, connection: Uuid) {
        self.0.lock().await.remove(&connection);
    }
}

/// Asks for a token by client credentials. Source: RFC 6749, section 4.4.
async fn fetch(http: &Http, scheme: &Scheme) -> Result<Token, Failure> {
    let Scheme::OAuth { client_id, client_secret, endpoint, method, parameters } = scheme else {
        return Err(Failure::never("INVALID_PARAMETER", "The connection does not use OAuth."));
    };
    let mut request = Outgoing::new(method, endpoint);
    let mut form = vec![
        ("grant_type".to_owned(), "client_credentials".to_owned()),
        ("client_id".to_owned(), client_id.clone()),
        ("client_secret".to_owned(), client_secret.clone()),
    ];
    form.extend(request.add(parameters));
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    if method == "GET" {
        request.query_text(&form);
    } else {
        request.header("content-type", "application/x-www-form-urlencoded");
        request.body = form.into();
    }
    let answer = http.send(request).await?;
    if !(200..300).contains(&answer.status) {
        let message = format!("The authorization endpoint answered {}.", answer.status);
        return Err(Failure { retry: answer.retry(), ..Failure::never("NO_PERMISSIONS", message) });
    }
    let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let token = answer.get("access_token").and_then(Value::as_str);
    let missing = || Failure::never("NO_PERMISSIONS", "The authorization endpoint answered no access_token.");
    let seconds = answer.get("expires_in").and_then(Value::as_u64).map(Duration::from_secs);
    let lasts = seconds.unwrap_or(KEPT_FOR).saturating_sub(RENEW_BEFORE);
    Ok(Token { value: Secret::new(token.ok_or_else(missing)?), good_until: Instant::now() + lasts })
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    connection: Connection,
}

/// Queues the first token of a connection, in the transaction that makes or changes it.
pub(crate) fn enqueue(tx: &mut WriteTx<'_>, connection: &Connection) -> Result<(), store::Error> {
    let id = connection.id.to_string();
    tx.dequeue(QUEUE, &id)?;
    if connection.kind == ConnectionKind::OAuth && connection.state == ConnectionState::Authorizing {
        tx.enqueue(QUEUE, &id, &Job { connection: connection.clone() }, None)?;
    }
    Ok(())
}

pub(super) async fn run(eventbridge: Arc<EventBridge>) {
    loop {
        if let Err(error) = next(&eventbridge).await {
            tracing::warn!(%error, "a connection could not be authorised; it is tried again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn next(eventbridge: &EventBridge) -> Result<(), store::Error> {
    let claimed = eventbridge.store.claim(QUEUE, WORKER, LEASE).await?;
    let Job { connection } = claimed.payload.parse()?;
    let auth: Option<Auth> = eventbridge.auth_of(&connection).ok().flatten();
    let unreadable = || Failure::never("INTERNAL_ERROR", "The secrets of the connection cannot be opened.");
    let result = match auth.ok_or_else(unreadable) {
        Ok(auth) => eventbridge.tokens.of(&eventbridge.http, connection.id, &auth.scheme).await.map(|_| ()),
        Err(failure) => Err(failure),
    };
    let now = Timestamp::now();
    let write = eventbridge.store.write(move |tx| {
        let retry = matches!(&result, Err(Failure { retry: Retry::Later { .. }, .. }));
        if retry && claimed.attempt < MOST_ATTEMPTS {
            return tx.release(&claimed, PAUSE * claimed.attempt);
        }
        tx.complete(&claimed)?;
        let current = tx.get::<Connection>(&store::Record::key(&connection))?;
        let Some(current) = current.filter(|current| **current == connection) else { return Ok(()) };
        let mut current = current.into_inner();
        match &result {
            Ok(()) => {
                current.state = ConnectionState::Authorized;
                current.authorized = Some(now);
            }
            Err(failure) => {
                current.state = ConnectionState::Deauthorized;
                current.state_reason = Some(failure.message.chars().take(512).collect());
            }
        }
        tx.put(&current)?;
        Ok(())
    });
    write.await
}
