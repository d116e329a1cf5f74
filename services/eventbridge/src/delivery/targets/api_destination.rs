use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws::Access;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use events_model::EVENTS;
use serde_json::Value;
use uuid::Uuid;

use super::{Call, Failure, Retry};
use crate::delivery::http::Outgoing;
use crate::delivery::rules::document;
use crate::input::Path;
use crate::records::{ApiDestination, Auth, Connection, ConnectionState, Scheme};

/// Calls per second if the destination does not say. Source: EventBridge User Guide, "API destinations".
const RATE: u32 = 300;
/// A call that has to wait longer for its turn is tried again later.
const LONGEST_TURN: Duration = Duration::from_secs(5);
/// What a path parameter may not keep of its own, so that it stays one segment.
const SEGMENT: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// When each destination may be called next.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<Uuid, Instant>>);

impl Turns {
    /// How long to wait for the next turn, which is taken. Errors: it is too long; then no turn is taken.
    fn take(&self, destination: Uuid, rate: u32, now: Instant) -> Result<Duration, Duration> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| *turn > now);
        let turn = turns.get(&destination).copied().unwrap_or(now);
        let wait = turn.saturating_duration_since(now);
        if wait > LONGEST_TURN {
            return Err(wait);
        }
        turns.insert(destination, turn + Duration::from_secs(1) / rate.max(1));
        Ok(wait)
    }
}

/// Sends the payload to the destination's endpoint with what its connection adds.
/// Source: EventBridge User Guide, "API destinations as targets".
pub(super) async fn invoke(call: &Call<'_>, name: &str) -> Result<Option<String>, Failure> {
    let (destination, connection) = load(call, name).await?;
    let access = [Access::to(destination.arn())];
    call.client().await?.authorise(&EVENTS, "InvokeApiDestination", &access).await.map_err(Failure::of)?;
    if connection.state != ConnectionState::Authorized {
        let reason = connection.state_reason.as_deref().unwrap_or("it is not authorized");
        let message = format!("Connection {} cannot be used: {reason}", connection.name);
        return Err(match connection.state {
            ConnectionState::Authorizing => Failure::later("NO_PERMISSIONS", message),
            ConnectionState::Deauthorized | ConnectionState::Authorized => {
                Failure::never("NO_PERMISSIONS", message)
            }
        });
    }
    let unreadable = || Failure::never("INTERNAL_ERROR", "The secrets of the connection cannot be opened.");
    let auth = call.eventbridge.auth_of(&connection).ok().flatten().ok_or_else(unreadable)?;
    let request = request(call, &destination, &connection, &auth).await?;
    let turn = call.eventbridge.turns.take(destination.id, destination.rate.unwrap_or(RATE), Instant::now());
    match turn {
        Ok(wait) => tokio::time::sleep(wait).await,
        Err(wait) => {
            let message = "The destination's invocation rate limit is reached.".to_owned();
            let retry = Retry::Later { not_before: Some(wait) };
            return Err(Failure { code: "THROTTLING", message, retry });
        }
    }
    let answer = call.eventbridge.http.send(request).await?;
    if (200..300).contains(&answer.status) {
        return Ok(Some(format!("HTTP {}", answer.status)));
    }
    if matches!(answer.status, 401 | 407) {
        call.eventbridge.tokens.forget(connection.id);
    }
    let code = if answer.status == 429 { "THROTTLING" } else { "ERROR_FROM_TARGET" };
    let message = format!("The endpoint answered {}.", answer.status);
    Err(Failure { code, message, retry: answer.retry() })
}

async fn load(call: &Call<'_>, name: &str) -> Result<(ApiDestination, Connection), Failure> {
    let key = ApiDestination::key_of(&call.rule.scope, name);
    let read = call.eventbridge.store.read(move |tx| {
        let Some(destination) = tx.get::<ApiDestination>(&key)? else { return Ok((None, None)) };
        let name = Connection::name_in(&destination.connection).unwrap_or_default();
        let connection = tx.get::<Connection>(&Connection::key_of(&destination.scope, name))?;
        let connection = connection.filter(|connection| connection.arn() == destination.connection);
        Ok::<_, store::Error>((Some(destination.into_inner()), connection.map(store::Versioned::into_inner)))
    });
    let (destination, connection) =
        read.await.map_err(|error| Failure::later("INTERNAL_ERROR", error.to_string()))?;
    let destination = destination.filter(|destination| destination.arn() == call.target.arn);
    let gone = |what: &str| Failure::never("NO_RESOURCE", format!("The {what} does not exist any more."));
    Ok((destination.ok_or_else(|| gone("API destination"))?, connection.ok_or_else(|| gone("connection"))?))
}

async fn request(
    call: &Call<'_>,
    destination: &ApiDestination,
    connection: &Connection,
    auth: &Auth,
) -> Result<Outgoing, Failure> {
    let event = document(call.event);
    let http = call.target.http.clone().unwrap_or_default();
    let mut address = String::new();
    let mut values = http.path_values.iter();
    for (index, piece) in destination.endpoint.split('*').enumerate() {
        if index > 0 {
            let value = filled(values.next().map_or("*", String::as_str), &event);
            address.extend(percent_encoding::utf8_percent_encode(&value, SEGMENT));
        }
        address.push_str(piece);
    }
    let mut request = Outgoing::new(&destination.method, &address);
    request.header("user-agent", "Amazon/EventBridge/ApiDestinations");
    request.header("content-type", "application/json; charset=utf-8");
    request.header("range", "bytes=0-1048575");
    request.header("accept-encoding", "gzip,deflate");
    request.header("connection", "close");
    for (name, value) in &http.headers {
        request.header(name, &filled(value, &event));
    }
    for (name, value) in &http.query {
        request.query(name, &filled(value, &event));
    }
    let body = request.add(&auth.parameters);
    match &auth.scheme {
        Scheme::Basic { username, password } => {
            let pair = STANDARD.encode(format!("{username}:{password}"));
            request.header("authorization", &format!("Basic {pair}"));
        }
        Scheme::ApiKey { name, value } => request.header(name, value),
        Scheme::OAuth { .. } => {
            let token = call.eventbridge.tokens.of(&call.eventbridge.http, connection, &auth.scheme).await?;
            request.header("authorization", &format!("Bearer {}", token.reveal()));
        }
    }
    if !matches!(destination.method.as_str(), "GET" | "HEAD") {
        request.body = with_members(call, body).into();
    }
    Ok(request)
}

/// The payload with further members where it is an object.
fn with_members(call: &Call<'_>, further: Vec<(String, String)>) -> String {
    match serde_json::from_str::<Value>(&call.payload) {
        Ok(Value::Object(mut members)) if !further.is_empty() => {
            members.extend(further.into_iter().map(|(key, value)| (key, Value::from(value))));
            Value::Object(members).to_string()
        }
        _ => call.payload.clone(),
    }
}

/// A parameter of the target: a text, or a path into the event.
fn filled(parameter: &str, event: &Value) -> String {
    let found = Path::parse(parameter).map(|path| path.of(event).cloned().unwrap_or_default());
    match found {
        None => parameter.to_owned(),
        Some(Value::String(text)) => text,
        Some(Value::Null) => String::new(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn turns_are_spaced() {
        let (turns, id, now) = (Turns::default(), Uuid::nil(), Instant::now());
        let waits: Vec<_> = (0..3).map(|_| turns.take(id, 2, now)).collect();
        assert_eq!(waits, [0, 500, 1000].map(|millis| Ok(Duration::from_millis(millis))));
        for _ in 0..8 {
            turns.take(id, 2, now).unwrap();
        }
        assert_eq!(turns.take(id, 2, now), Err(Duration::from_millis(5500)));
        assert_eq!(turns.take(Uuid::max(), 2, now), Ok(Duration::ZERO));
    }

    #[test]
    fn parameters_are_texts_or_paths() {
        let event = json!({"detail": {"s": "x", "n": 3}});
        let filled = |parameter| filled(parameter, &event);
        assert_eq!(["a", "$.detail.s", "$.detail.n", "$.gone", "$5"].map(filled), ["a", "x", "3", "", "$5"]);
    }
}
