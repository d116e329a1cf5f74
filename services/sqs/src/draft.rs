//! A message as it is sent, and what is checked before it is taken. Source: SQS API Reference, SendMessage.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use sqs_model::{
    MessageAttributeValue, MessageSystemAttributeValue, SendMessage, SendMessageBatchRequestEntry,
};

use crate::error::Error;
use crate::records::{Attribute, Parcel, Queue};

const MOST_ATTRIBUTES: usize = 10;
const LONGEST_ATTRIBUTE_NAME: usize = 256;
const LONGEST_DELAY: i32 = 900;
const LONGEST_ID: usize = 128;
const TRACE_HEADER: &str = "AWSTraceHeader";

/// What a caller sends.
pub struct Draft {
    body: String,
    delay: Option<i32>,
    attributes: aws::Map<MessageAttributeValue>,
    system_attributes: aws::Map<MessageSystemAttributeValue>,
    deduplication_id: Option<String>,
    group: Option<String>,
}

/// A message that may be taken.
#[derive(Clone)]
pub struct Accepted {
    pub parcel: Parcel,
    /// In seconds.
    pub delay: u32,
    pub group: Option<String>,
    /// Of messages to FIFO queues.
    pub deduplication_id: Option<String>,
}

impl From<SendMessage> for Draft {
    fn from(sent: SendMessage) -> Self {
        Self {
            body: sent.message_body,
            delay: sent.delay_seconds,
            attributes: sent.message_attributes.unwrap_or_default(),
            system_attributes: sent.message_system_attributes.unwrap_or_default(),
            deduplication_id: sent.message_deduplication_id,
            group: sent.message_group_id,
        }
    }
}

impl From<SendMessageBatchRequestEntry> for Draft {
    fn from(sent: SendMessageBatchRequestEntry) -> Self {
        Self {
            body: sent.message_body,
            delay: sent.delay_seconds,
            attributes: sent.message_attributes.unwrap_or_default(),
            system_attributes: sent.message_system_attributes.unwrap_or_default(),
            deduplication_id: sent.message_deduplication_id,
            group: sent.message_group_id,
        }
    }
}

impl Draft {
    /// Body and attributes, in bytes.
    pub fn size(&self) -> usize {
        let attribute = |(name, value): (&String, &MessageAttributeValue)| {
            let text = value.string_value.as_ref().map_or(0, String::len);
            let bytes = value.binary_value.as_ref().map_or(0, |bytes| bytes.0.len());
            name.len() + value.data_type.len() + text + bytes
        };
        self.body.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }

    /// Errors: `InvalidParameterValue`, `MissingParameter`, `InvalidMessageContents`, `UnsupportedOperation`.
    pub fn accept(self, queue: &Queue) -> Result<Accepted, Error> {
        self.check_body(queue)?;
        let (delay, group) = (self.delay(queue)?, self.group(queue)?);
        let deduplication_id = self.deduplication_id(queue)?;
        if self.attributes.len() > MOST_ATTRIBUTES {
            return Err(Error::invalid(format!(
                "Number of message attributes [{}] exceeds the allowed maximum [{MOST_ATTRIBUTES}].",
                self.attributes.len()
            )));
        }
        let attributes = self.attributes.into_iter().map(|(name, value)| {
            let attribute = attribute(&name, value)?;
            Ok::<_, Error>((name, attribute))
        });
        let attributes = attributes.collect::<Result<BTreeMap<_, _>, _>>()?;
        let trace_header = trace_header(self.system_attributes)?;
        let parcel = Parcel { body: self.body, attributes, trace_header };
        Ok(Accepted { parcel, delay, group, deduplication_id })
    }

    fn check_body(&self, queue: &Queue) -> Result<(), Error> {
        if self.body.is_empty() {
            return Err(Error::MissingParameter("MessageBody".to_owned()));
        }
        let limit = queue.settings.maximum_message_size;
        if self.size() > usize::try_from(limit).unwrap_or(usize::MAX) {
            return Err(Error::invalid(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
            )));
        }
        if self.body.chars().all(is_allowed) { Ok(()) } else { Err(Error::InvalidMessageContents) }
    }

    fn delay(&self, queue: &Queue) -> Result<u32, Error> {
        let Some(delay) = self.delay else { return Ok(queue.settings.delay) };
        if queue.is_fifo() && delay != 0 {
            let reason = "The request include parameter that is not valid for this queue type.";
            return Err(Error::value(delay, "DelaySeconds", reason));
        }
        if queue.is_fifo() {
            return Ok(queue.settings.delay);
        }
        let reason = "DelaySeconds must be >= 0 and <= 900.";
        u32::try_from(delay)
            .ok()
            .filter(|_| delay <= LONGEST_DELAY)
            .ok_or_else(|| Error::value(delay, "DelaySeconds", reason))
    }

    fn group(&self, queue: &Queue) -> Result<Option<String>, Error> {
        match &self.group {
            None if queue.is_fifo() => Err(Error::MissingParameter("MessageGroupId".to_owned())),
            None => Ok(None),
            Some(group) => {
                check_id(group, "MessageGroupId")?;
                Ok(Some(group.clone()))
            }
        }
    }

    fn deduplication_id(&self, queue: &Queue) -> Result<Option<String>, Error> {
        match &self.deduplication_id {
            Some(id) if !queue.is_fifo() => {
                let reason = "The request include parameter that is not valid for this queue type.";
                Err(Error::value(id, "MessageDeduplicationId", reason))
            }
            Some(id) => {
                check_id(id, "MessageDeduplicationId")?;
                Ok(Some(id.clone()))
            }
            None if !queue.is_fifo() => Ok(None),
            None if queue.settings.content_based_deduplication => {
                Ok(Some(hex::encode(Sha256::digest(self.body.as_bytes()))))
            }
            None => Err(Error::invalid(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                 explicitly",
            )),
        }
    }
}

/// Of `MessageGroupId`, `MessageDeduplicationId` and their like. Errors: `InvalidParameterValue`.
pub fn check_id(id: &str, parameter: &str) -> Result<(), Error> {
    let is_known = id.bytes().all(|byte| byte.is_ascii_graphic());
    if is_known && (1..=LONGEST_ID).contains(&id.len()) {
        return Ok(());
    }
    let reason = format!(
        "{parameter} can only include alphanumeric and punctuation characters. 1 to {LONGEST_ID} in length."
    );
    Err(Error::value(id, parameter, &reason))
}

fn attribute(name: &str, value: MessageAttributeValue) -> Result<Attribute, Error> {
    check_attribute_name(name)?;
    let MessageAttributeValue {
        string_value,
        binary_value,
        string_list_values,
        binary_list_values,
        data_type,
    } = value;
    if string_list_values.is_some_and(|values| !values.is_empty())
        || binary_list_values.is_some_and(|values| !values.is_empty())
    {
        let message = "Message attribute list values in SendMessage operation are not supported.";
        return Err(Error::UnsupportedOperation(message.to_owned()));
    }
    let kind = data_type.split('.').next().unwrap_or_default();
    if data_type.is_empty() {
        let message =
            format!("The message attribute '{name}' must contain a non-empty message attribute type.");
        return Err(Error::invalid(message));
    }
    if !matches!(kind, "String" | "Number" | "Binary") || data_type.len() > LONGEST_ATTRIBUTE_NAME {
        return Err(Error::invalid(format!(
            "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes \
             is Binary, Number, and String."
        )));
    }
    let value = match kind {
        "Binary" => binary_value.map(|bytes| STANDARD.encode(&bytes.0)),
        _ => string_value,
    };
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Err(Error::invalid(format!(
            "The message attribute '{name}' must contain a non-empty message attribute value for message attribute \
             type '{kind}'."
        )));
    };
    if kind == "Number" && !value.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(Error::invalid(format!(
            "Can't cast the value of message (user) attribute '{name}' to a number."
        )));
    }
    if kind != "Binary" && !value.chars().all(is_allowed) {
        return Err(Error::InvalidMessageContents);
    }
    Ok(Attribute { data_type, value })
}

fn check_attribute_name(name: &str) -> Result<(), Error> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let reserved = ["aws.", "amazon."].iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix));
    if reserved {
        return Err(Error::invalid(format!(
            "Message (user) attribute name '{name}' can't start with AWS. or Amazon."
        )));
    }
    let dots = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if name.is_empty() || name.len() > LONGEST_ATTRIBUTE_NAME || dots || !name.bytes().all(is_known) {
        return Err(Error::invalid(format!(
            "Invalid message (user) attribute name '{name}': it may have 1 to 256 characters A-Z, a-z, 0-9, \
             underscores, hyphens, and periods inside."
        )));
    }
    Ok(())
}

fn trace_header(attributes: aws::Map<MessageSystemAttributeValue>) -> Result<Option<String>, Error> {
    let Some(value) = attributes.into_iter().find(|(name, _)| name == TRACE_HEADER).map(|(_, value)| value)
    else {
        return Ok(None);
    };
    match value.string_value {
        Some(header) if value.data_type == "String" && !header.is_empty() => Ok(Some(header)),
        _ => Err(Error::invalid(format!("The message system attribute '{TRACE_HEADER}' must be a String."))),
    }
}

/// Source: SQS API Reference, SendMessage, the note on characters.
fn is_allowed(character: char) -> bool {
    matches!(character, '\u{9}' | '\u{A}' | '\u{D}' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use aws::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::names::QueueName;
    use crate::records::Settings;

    fn queue(name: &str) -> Queue {
        let name = QueueName::in_arn(&format!("arn:aws:sqs:us-east-1:123456789012:{name}")).unwrap();
        Queue {
            id: Uuid::nil(),
            name,
            messages: Uuid::nil(),
            settings: Settings::default(),
            tags: BTreeMap::new(),
            created: Timestamp::from_millis(0),
            modified: Timestamp::from_millis(0),
            purged: None,
        }
    }

    fn send(body: &str, change: impl Fn(&mut SendMessage), queue: &Queue) -> Result<Accepted, Error> {
        let mut sent = SendMessage { message_body: body.to_owned(), ..SendMessage::default() };
        change(&mut sent);
        Draft::from(sent).accept(queue)
    }

    #[test]
    fn bodies_are_text_within_the_limit() {
        let plain = queue("q");
        assert!(send("x\u{1F980}\n", |_| {}, &plain).is_ok());
        assert!(matches!(send("", |_| {}, &plain), Err(Error::MissingParameter(_))));
        assert!(matches!(send("\u{0}", |_| {}, &plain), Err(Error::InvalidMessageContents)));
        assert!(send(&"x".repeat(1_048_576), |_| {}, &plain).is_ok());
        assert!(send(&"x".repeat(1_048_577), |_| {}, &plain).is_err());
    }

    #[test]
    fn fifo_queues_want_a_group_and_something_to_know_duplicates_by() {
        let mut fifo = queue("q.fifo");
        let grouped = |sent: &mut SendMessage| sent.message_group_id = Some("g".to_owned());
        assert!(matches!(send("x", |_| {}, &fifo), Err(Error::MissingParameter(_))));
        assert!(send("x", grouped, &fifo).is_err());
        fifo.settings.content_based_deduplication = true;
        let id = send("x", grouped, &fifo).unwrap().deduplication_id.unwrap();
        assert_eq!(id.len(), 64);
        let delayed = |sent: &mut SendMessage| {
            grouped(sent);
            sent.delay_seconds = Some(3);
        };
        assert!(send("x", delayed, &fifo).is_err());
        assert!(send("x", |sent| sent.message_deduplication_id = Some("d".to_owned()), &queue("q")).is_err());
        assert!(send("x", grouped, &queue("q")).is_ok(), "a fair queue");
    }

    #[test]
    fn attributes_have_names_types_and_values() {
        let with = |name: &'static str, data_type: &'static str, value: &'static str| {
            let change = move |sent: &mut SendMessage| {
                let value = MessageAttributeValue {
                    string_value: Some(value.to_owned()),
                    data_type: data_type.to_owned(),
                    ..MessageAttributeValue::default()
                };
                sent.message_attributes = Some([(name.to_owned(), value)].into());
            };
            send("x", change, &queue("q"))
        };
        assert!(with("a.b-c_1", "String.custom", "v").is_ok());
        assert!(with("n", "Number", "-1.5e3").is_ok());
        for (name, data_type, value) in [
            ("", "String", "v"),
            ("AWS.x", "String", "v"),
            ("a..b", "String", "v"),
            ("a", "Text", "v"),
            ("a", "", "v"),
            ("a", "String", ""),
            ("a", "Number", "one"),
            ("a", "Binary", "v"),
        ] {
            assert!(with(name, data_type, value).is_err(), "{name} {data_type} {value}");
        }
    }
}
