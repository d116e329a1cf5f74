//! Connections by OAuth: tokens are fetched, kept in memory, and fetched anew when they end or are refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::WriteTx;
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

/// What is told of a fetch that failed to those who have waited for it.
const FAILURE_KEPT_FOR: Duration = Duration::from_secs(1);

/// The tokens of connections.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<Uuid, (Timestamp, Arc<Slot>)>>);

/// That of one connection as it was last updated. One fetches at a time; nobody waits for another connection's endpoint.
#[derive(Default)]
struct Slot(tokio::sync::Mutex<Option<Answered>>);

struct Answered {
    token: Result<Secret, Failure>,
    good_until: Instant,
}

impl Tokens {
    /// A token of the connection. Errors: what the authorisation endpoint answered.
    pub(super) async fn of(
        &self,
        http: &Http,
        connection: &Connection,
        scheme: &Scheme,
    ) -> Result<Secret, Failure> {
        let slot = self.slot(connection);
        let mut known = slot.0.lock().await;
        if let Some(answered) = known.as_ref().filter(|answered| answered.good_until > Instant::now()) {
            return answered.token.clone();
        }
        let answered = fetch(http, scheme).await.unwrap_or_else(|failure| Answered {
            token: Err(failure),
            good_until: Instant::now() + FAILURE_KEPT_FOR,
        });
        known.insert(answered).token.clone()
    }

    /// What was fetched with earlier secrets is of no use any more, and whoever still has these leaves nothing behind.
    fn slot(&self, connection: &Connection) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.get(&connection.id) {
            Some((updated, slot)) if *updated == connection.updated => return slot.clone(),
            Some((updated, _)) if *updated > connection.updated => return Arc::default(),
            Some(_) | None => {}
        }
        if slots.len() >= MOST_TOKENS {
            slots.clear();
        }
        let slot = Arc::<Slot>::default();
        slots.insert(connection.id, (connection.updated, slot.clone()));
        slot
    }

    pub(crate) fn forget(&self, connection: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&connection);
    }
}

/// Asks for a token by client credentials. Source: RFC 6749, section 4.4.
async fn fetch(http: &Http, scheme: &Scheme) -> Result<Answered, Failure> {
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
    Ok(Answered { token: Ok(Secret::new(token.ok_or_else(missing)?)), good_until: Instant::now() + lasts })
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
        Ok(auth) => eventbridge.tokens.of(&eventbridge.http, &connection, &auth.scheme).await.map(|_| ()),
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

#[cfg(test)]
mod tests {
    use aws::Scope;
    use outbound::Guard;
    use tokio::net::TcpListener;

    use super::*;

    fn connection(id: u128, updated: i64) -> Connection {
        let at = Timestamp::from_millis(updated);
        Connection {
            id: Uuid::from_u128(id),
            scope: Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap()),
            name: "c".to_owned(),
            description: None,
            kind: ConnectionKind::OAuth,
            state: ConnectionState::Authorized,
            state_reason: None,
            sealed: None,
            created: at,
            updated: at,
            authorized: None,
        }
    }

    fn oauth(listener: &TcpListener) -> Scheme {
        Scheme::OAuth {
            client_id: "id".to_owned(),
            client_secret: "secret".to_owned(),
            endpoint: format!("https://{}/token", listener.local_addr().unwrap()),
            method: "POST".to_owned(),
            parameters: vec![],
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_hangs_stops_no_other_connection() {
        let http = Http::new(Guard::new("10.0.0.1:1".parse().unwrap(), vec![]));
        let tokens = Tokens::default();
        let (silent, other) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let (slow, quick) = (oauth(&silent), oauth(&other));
        drop(other);
        let (slow_one, quick_one) = (connection(1, 0), connection(2, 0));
        tokio::select! {
            biased;
            _ = tokens.of(&http, &slow_one, &slow) => panic!("nobody answers"),
            failure = tokens.of(&http, &quick_one, &quick) => {
                assert_eq!(failure.unwrap_err().code, "CONNECTION_FAILURE");
            }
        }
    }

    #[test]
    fn a_connection_that_was_updated_has_no_token_of_before() {
        let tokens = Tokens::default();
        let before = tokens.slot(&connection(1, 0));
        assert!(Arc::ptr_eq(&before, &tokens.slot(&connection(1, 0))));
        let after = tokens.slot(&connection(1, 1));
        assert!(!Arc::ptr_eq(&before, &after));
        assert!(!Arc::ptr_eq(&after, &tokens.slot(&connection(1, 0))), "of a delivery that began before");
        assert!(Arc::ptr_eq(&after, &tokens.slot(&connection(1, 1))));
    }
}
