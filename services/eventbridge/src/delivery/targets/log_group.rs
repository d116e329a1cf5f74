use aws::{Client, Timestamp};
use logs_model::{CreateLogStream, InputLogEvent, PutLogEvents};
use serde_json::Value;

use super::{Call, Failure};
use crate::records::Input;

/// Puts the payload into a stream of the rule's own, at the time of the event. A transformer says both by itself:
/// `{"timestamp": …, "message": …}`. Source: EventBridge User Guide, "CloudWatch Logs targets".
pub(super) async fn put(call: &Call<'_>, group: &str) -> Result<Option<String>, Failure> {
    let (timestamp, message) = entry(call)?;
    let stream = format!("{}/{}", call.rule.name, call.rule.id);
    let client = call.client().await?;
    let put = PutLogEvents {
        log_group_name: group.to_owned(),
        log_stream_name: stream.clone(),
        log_events: vec![InputLogEvent { timestamp, message }],
        ..PutLogEvents::default()
    };
    let mut answer = client.call(put.clone()).await;
    if matches!(&answer, Err(error) if error.code == "ResourceNotFoundException") {
        make_stream(&client, group, &stream).await?;
        answer = client.call(put).await;
    }
    if answer.map_err(Failure::of)?.rejected_log_events_info.is_some() {
        let message = "The log group takes no events of that time: it is too long ago or too far ahead.";
        return Err(Failure::never("INVALID_PARAMETER", message));
    }
    Ok(Some(stream))
}

async fn make_stream(client: &Client, group: &str, stream: &str) -> Result<(), Failure> {
    let create = CreateLogStream { log_group_name: group.to_owned(), log_stream_name: stream.to_owned() };
    match client.call(create).await {
        Ok(_) => Ok(()),
        Err(error) if error.code == "ResourceAlreadyExistsException" => Ok(()),
        Err(error) => Err(Failure::of(error)),
    }
}

/// Time in milliseconds, and text.
fn entry(call: &Call<'_>) -> Result<(i64, String), Failure> {
    if matches!(call.target.input, Input::Transformer { .. }) {
        let members = call.members();
        let timestamp = members.get("timestamp").and_then(time);
        let message = members.get("message").and_then(Value::as_str);
        return timestamp.zip(message.map(str::to_owned)).ok_or_else(|| {
            let message = "The input template of a log group must make {\"timestamp\": …, \"message\": …}.";
            Failure::never("INVALID_PARAMETER", message)
        });
    }
    let at = Timestamp::parse_iso8601(&call.event.time).unwrap_or(call.delivery.ingested);
    Ok((at.as_millis(), call.payload.clone()))
}

fn time(value: &Value) -> Option<i64> {
    let text = |value: &Value| Some(Timestamp::parse_iso8601(value.as_str()?)?.as_millis());
    value.as_i64().or_else(|| text(value))
}
