use aws::{Access, Blob, Ctx};
use sqs_model::{
    self as model, MessageAttributeValue, MessageSystemAttributeName, ReceiveMessage, ReceiveMessageOutput,
};

use super::on_url;
use crate::draft::check_id;
use crate::error::Error;
use crate::names::QueueName;
use crate::queueing::Received;
use crate::records::{Attribute, Message, Parcel};
use crate::waiting::{self, Request};
use crate::{Sqs, digest};

/// Source: SQS API Reference, ReceiveMessage.
const MOST_MESSAGES: i32 = 10;
const LONGEST_TIMEOUT: i32 = 43_200;
const LONGEST_WAIT: i32 = 20;

pub(super) async fn access(sqs: &Sqs, ctx: &Ctx, input: &ReceiveMessage) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "ReceiveMessage").await?])
}

/// Receives up to ten messages, and waits for them if asked to.
/// Errors: `QueueDoesNotExist`, `InvalidParameterValue`, `OverLimit`, `RequestThrottled`. Source: SQS API Reference, ReceiveMessage.
pub(super) async fn receive_message(
    sqs: &Sqs,
    ctx: &Ctx,
    input: ReceiveMessage,
) -> Result<ReceiveMessageOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    let most = bounded(input.max_number_of_messages, "MaxNumberOfMessages", 1, MOST_MESSAGES)?.unwrap_or(1);
    let timeout = bounded(input.visibility_timeout, "VisibilityTimeout", 0, LONGEST_TIMEOUT)?;
    let wait = bounded(input.wait_time_seconds, "WaitTimeSeconds", 0, LONGEST_WAIT)?;
    let attempt = input.receive_request_attempt_id;
    if let Some(id) = &attempt {
        check_id(id, "ReceiveRequestAttemptId")?;
    }
    // The older name of the same list goes with the newer one.
    let wanted = [input.message_system_attribute_names, input.attribute_names];
    let wanted: Vec<MessageSystemAttributeName> = wanted.into_iter().flatten().flatten().collect();
    let system: Vec<&str> = wanted.iter().map(MessageSystemAttributeName::as_str).collect();
    let attributes = input.message_attribute_names.unwrap_or_default();
    let most = usize::try_from(most).unwrap_or(1);
    let request = Request { most, visibility_timeout: timeout, wait, attempt };
    let received = waiting::receive(sqs, &name, &request).await?;
    let shown = received.into_iter().map(|Received { message, content }| {
        let parcel = content.open(&sqs.sealer)?;
        Ok::<_, Error>(shown(&message, parcel, &system, &attributes))
    });
    let messages = shown.collect::<Result<Vec<_>, _>>()?;
    Ok(ReceiveMessageOutput { messages: (!messages.is_empty()).then_some(messages) })
}

fn bounded(value: Option<i32>, parameter: &str, least: i32, most: i32) -> Result<Option<u32>, Error> {
    let Some(value) = value else { return Ok(None) };
    let reason = format!("Must be between {least} and {most}, if provided.");
    let checked = u32::try_from(value).ok().filter(|_| (least..=most).contains(&value));
    checked.map(Some).ok_or_else(|| Error::value(value, parameter, &reason))
}

fn shown(message: &Message, parcel: Parcel, system: &[&str], attributes: &[String]) -> model::Message {
    let md5_of_body = digest::of_body(&parcel.body);
    let wanted = parcel.attributes.iter().filter(|(name, _)| is_wanted(name, attributes));
    let md5_of_attributes = digest::of_attributes(wanted.clone());
    let attributes: aws::Map<MessageAttributeValue> =
        wanted.map(|(name, attribute)| (name.clone(), value(attribute))).collect();
    let system = system_attributes(message, parcel.trace_header, system);
    model::Message {
        message_id: Some(message.id.to_string()),
        receipt_handle: Some(message.receipt().encode()),
        md5_of_body: Some(md5_of_body),
        body: Some(parcel.body),
        attributes: (!system.is_empty()).then_some(system),
        md5_of_message_attributes: md5_of_attributes,
        message_attributes: (!attributes.is_empty()).then_some(attributes),
    }
}

/// `All`, `.*`, `prefix.*` or a whole name.
fn is_wanted(name: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix(".*") {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == "All" || pattern == name,
    })
}

fn value(attribute: &Attribute) -> MessageAttributeValue {
    let (string_value, binary_value) = match attribute.is_binary() {
        true => (None, Some(Blob::from(attribute.bytes()))),
        false => (Some(attribute.value.clone()), None),
    };
    MessageAttributeValue {
        string_value,
        binary_value,
        data_type: attribute.data_type.clone(),
        ..MessageAttributeValue::default()
    }
}

fn system_attributes(message: &Message, trace_header: Option<String>, wanted: &[&str]) -> aws::Map<String> {
    let mut attributes = aws::Map::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|_| wanted.contains(&"All") || wanted.contains(&name)) {
            attributes.insert(name.to_owned(), value);
        }
    };
    add("SenderId", Some(message.sender.clone()));
    add("SentTimestamp", Some(message.sent.to_string()));
    add("ApproximateReceiveCount", Some(message.receive_count.to_string()));
    let first = message.first_received.map(|time| time.to_string());
    add("ApproximateFirstReceiveTimestamp", first);
    add("SequenceNumber", message.is_fifo.then(|| Message::sequence_number(message.position)));
    add("MessageDeduplicationId", message.deduplication_id.clone());
    add("MessageGroupId", message.group.clone());
    add("AWSTraceHeader", trace_header);
    add("DeadLetterQueueSourceArn", message.dead_letter_source.clone());
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_attributes_may_be_prefixes() {
        let wanted = |name: &str, pattern: &str| is_wanted(name, &[pattern.to_owned()]);
        assert!(wanted("a.b", "All") && wanted("a.b", ".*") && wanted("a.b", "a.*") && wanted("a.b", "a.b"));
        assert!(!wanted("a.b", "a") && !wanted("a.b", "b.*"));
    }
}
