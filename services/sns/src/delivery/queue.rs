//! Messages to queues of SQS: those of subscribers, and dead-letter queues.

use aws::{Blob, Map};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqs_model::{MessageAttributeValue, SendMessage};

use super::http::Failure;
use super::work::Parcel;
use crate::error::Error;
use crate::message::{Envelope, Kind};
use crate::names;
use crate::{PRINCIPAL, Sns};

/// Attributes that a message of SQS may have.
const MOST_ATTRIBUTES: usize = 10;

/// Sends a message to the subscribed queue, as SNS on behalf of the topic: the queue's policy must admit it.
/// Source: SNS Developer Guide, "Fanout to Amazon SQS queues".
pub(super) async fn send(sns: &Sns, parcel: &Parcel) -> Result<Result<(), Failure>, Error> {
    let envelope = parcel.envelope(sns)?;
    if parcel.subscription.raw && envelope.attributes.len() > MOST_ATTRIBUTES {
        let reason = "a raw message to a queue may have ten attributes";
        return Ok(Err(Failure::Refused(reason.to_owned())));
    }
    let endpoint = parcel.subscription.endpoint.clone();
    let message = message(sns, parcel, &envelope).await?;
    Ok(put(sns, parcel, &endpoint, message).await)
}

/// Sends what could not be delivered to the subscription's dead-letter queue, if it has one and it is about a notification.
/// What the queue refuses is lost. Errors: what may be better later.
pub(super) async fn give_up(sns: &Sns, parcel: &Parcel) -> Result<(), String> {
    let Some(arn) = &parcel.subscription.dead_letter_arn else { return Ok(()) };
    let envelope = parcel.envelope(sns).map_err(|error| error.to_string())?;
    if envelope.kind != Kind::Notification {
        return Ok(());
    }
    let message = message(sns, parcel, &envelope).await.map_err(|error| error.to_string())?;
    match put(sns, parcel, arn, message).await {
        Ok(()) => Ok(()),
        Err(Failure::Unavailable(cause)) => Err(cause),
        Err(Failure::Refused(cause)) => {
            tracing::warn!(queue = arn, cause, "a dead letter could not be sent; the message is lost");
            Ok(())
        }
    }
}

async fn message(sns: &Sns, parcel: &Parcel, envelope: &Envelope) -> Result<SendMessage, Error> {
    if !parcel.subscription.raw {
        let proof = sns.sign(envelope, parcel.topic.signature_version).await?;
        return Ok(SendMessage { message_body: envelope.json(&proof), ..SendMessage::default() });
    }
    let attributes = envelope.attributes.iter().take(MOST_ATTRIBUTES).map(|(name, attribute)| {
        let is_binary = attribute.data_type.starts_with("Binary");
        let bytes = is_binary.then(|| Blob::from(STANDARD.decode(&attribute.value).unwrap_or_default()));
        let value = MessageAttributeValue {
            data_type: attribute.data_type.clone(),
            string_value: (!is_binary).then(|| attribute.value.clone()),
            binary_value: bytes,
            ..MessageAttributeValue::default()
        };
        (name.clone(), value)
    });
    let attributes: Map<MessageAttributeValue> = attributes.collect();
    Ok(SendMessage {
        message_body: envelope.message.clone(),
        message_attributes: (!attributes.is_empty()).then_some(attributes),
        ..SendMessage::default()
    })
}

async fn put(sns: &Sns, parcel: &Parcel, queue_arn: &str, message: SendMessage) -> Result<(), Failure> {
    let (scope, name) =
        names::queue(queue_arn).ok_or_else(|| Failure::Refused(format!("{queue_arn} is no queue")))?;
    let queue_url = format!("https://sqs.{}.amazonaws.com/{}/{name}", scope.region, scope.account);
    let client = sns.client.as_service(PRINCIPAL, scope).on_behalf_of(&parcel.topic.arn());
    match client.call(SendMessage { queue_url, ..message }).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_fault() && error.code != "NotImplemented" => {
            Err(Failure::Unavailable(error.to_string()))
        }
        Err(error) => Err(Failure::Refused(error.to_string())),
    }
}
