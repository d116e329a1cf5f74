//! What may be published. Pure. Source: SNS API Reference, Publish; wording as observed.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sns_model::MessageAttributeValue;

use crate::error::Error;
use crate::records::{Attribute, Text};

/// Of a message with its attributes, and of all messages of a batch, in bytes.
pub const LARGEST: usize = 256 * 1024;
const LONGEST_SUBJECT: usize = 100;
const LONGEST_NAME: usize = 256;

/// The parts of `Publish` and of an entry of `PublishBatch` that both have.
pub struct Publication {
    pub message: String,
    pub subject: Option<String>,
    pub message_structure: Option<String>,
    pub message_attributes: Option<aws::Map<MessageAttributeValue>>,
    pub message_deduplication_id: Option<String>,
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    pub subject: Option<String>,
    pub text: Text,
    pub attributes: BTreeMap<String, Attribute>,
}

impl Publication {
    /// In bytes, attributes included.
    pub fn size(&self) -> usize {
        let attributes = self.message_attributes.iter().flatten().map(|(name, attribute)| {
            let value = attribute.string_value.as_ref().map_or(0, String::len);
            let binary = attribute.binary_value.as_ref().map_or(0, |binary| binary.0.len());
            name.len() + attribute.data_type.len() + value + binary
        });
        self.message.len() + attributes.sum::<usize>()
    }

    /// Errors: `InvalidParameter`, `InvalidValue`.
    pub fn accept(self) -> Result<Accepted, Error> {
        if self.message.is_empty() {
            return Err(Error::invalid("Empty message"));
        }
        if self.size() > LARGEST {
            return Err(Error::invalid("Message too long"));
        }
        if !self.subject.as_deref().is_none_or(is_subject) {
            return Err(Error::invalid("Subject"));
        }
        if self.message_deduplication_id.is_some() {
            let reason = "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is \
                          not valid for this topic type";
            return Err(Error::invalid(reason));
        }
        let text = match self.message_structure.as_deref() {
            None | Some("") => Text::Same(self.message),
            Some("json") => Text::ByProtocol(by_protocol(&self.message)?),
            Some(_) => return Err(Error::invalid("MessageStructure")),
        };
        let attributes = self.message_attributes.unwrap_or_default().into_iter();
        let attributes = attributes.map(|(name, value)| {
            let attribute = attribute(&name, value)?;
            Ok((name, attribute))
        });
        Ok(Accepted { subject: self.subject, text, attributes: attributes.collect::<Result<_, Error>>()? })
    }
}

fn is_subject(subject: &str) -> bool {
    (1..=LONGEST_SUBJECT).contains(&subject.chars().count()) && !subject.chars().any(char::is_control)
}

/// Members that are no texts are passed over, as on AWS.
fn by_protocol(message: &str) -> Result<BTreeMap<String, String>, Error> {
    let parsed: Value = serde_json::from_str(message)
        .map_err(|_| Error::invalid("Message Structure - JSON message body failed to parse"))?;
    let members = parsed.as_object().into_iter().flatten();
    let texts = members.filter_map(|(protocol, text)| Some((protocol.clone(), text.as_str()?.to_owned())));
    let texts: BTreeMap<String, String> = texts.collect();
    if texts.contains_key("default") {
        return Ok(texts);
    }
    Err(Error::invalid("Message Structure - No default entry in JSON message body"))
}

fn attribute(name: &str, value: MessageAttributeValue) -> Result<Attribute, Error> {
    check_name(name)?;
    let data_type = value.data_type;
    if data_type.is_empty() {
        return Err(Error::InvalidValue(format!(
            "The message attribute '{name}' must contain non-empty message attribute type."
        )));
    }
    let is_binary = match data_type.split('.').next() {
        Some("Binary") => true,
        Some("String" | "Number") => false,
        _ => {
            return Err(Error::InvalidValue(format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of supported type \
                 prefixes is Binary, Number, and String."
            )));
        }
    };
    let empty = || {
        Error::InvalidValue(format!(
            "The message attribute '{name}' must contain non-empty message attribute value for message attribute type \
             '{data_type}'."
        ))
    };
    let misplaced = |field: &str| {
        Error::InvalidValue(format!(
            "The message attribute '{name}' with type '{data_type}' must use field '{field}'."
        ))
    };
    let text = match (is_binary, value.string_value, value.binary_value) {
        (true, None, Some(bytes)) if !bytes.0.is_empty() => STANDARD.encode(&bytes.0),
        (true, Some(_), _) => return Err(misplaced("Binary")),
        (false, Some(text), None) if !text.is_empty() => text,
        (false, _, Some(_)) => return Err(misplaced("String")),
        (true, None, _) | (false, _, None) => return Err(empty()),
    };
    if data_type.starts_with("Number") && !text.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(Error::InvalidValue(format!(
            "Could not cast message attribute '{name}' value to number."
        )));
    }
    Ok(Attribute { data_type, value: text })
}

fn check_name(name: &str) -> Result<(), Error> {
    let wrong = |message: &str| Err(Error::InvalidValue(message.to_owned()));
    if name.len() >= LONGEST_NAME {
        return wrong("Length of message attribute name must be less than 256 bytes.");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        || name.is_empty()
    {
        return wrong(
            "Invalid non-alphanumeric character was found in the message attribute name. Can only include \
                      alphanumeric characters, hyphens, underscores, or dots.",
        );
    }
    if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return wrong("Message attribute name can not start or end with a dot, or have two dots in a row.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publication(message: &str) -> Publication {
        Publication {
            message: message.to_owned(),
            subject: None,
            message_structure: None,
            message_attributes: None,
            message_deduplication_id: None,
        }
    }

    fn refusal(publication: Publication) -> String {
        publication.accept().map_or_else(|error| error.to_string(), |_| "fine".to_owned())
    }

    fn with_attribute(name: &str, data_type: &str, text: Option<&str>, binary: Option<&[u8]>) -> Publication {
        let value = MessageAttributeValue {
            data_type: data_type.to_owned(),
            string_value: text.map(str::to_owned),
            binary_value: binary.map(|bytes| aws::Blob::from(bytes.to_vec())),
        };
        let message_attributes = Some(BTreeMap::from([(name.to_owned(), value)]));
        Publication { message_attributes, ..publication("m") }
    }

    #[test]
    fn messages_and_subjects_are_bounded() {
        assert_eq!(refusal(publication("")), "Invalid parameter: Empty message");
        assert_eq!(refusal(publication(&"x".repeat(LARGEST))), "fine");
        assert_eq!(refusal(publication(&"x".repeat(LARGEST + 1))), "Invalid parameter: Message too long");
        let subject = |subject: &str| Publication { subject: Some(subject.to_owned()), ..publication("m") };
        assert_eq!(refusal(subject("Fine")), "fine");
        for wrong in ["", "a\nb", &"x".repeat(101)] {
            assert_eq!(refusal(subject(wrong)), "Invalid parameter: Subject");
        }
    }

    #[test]
    fn structured_messages_have_a_default() {
        let json =
            |message: &str| Publication { message_structure: Some("json".into()), ..publication(message) };
        let accepted = json(r#"{"default": "d", "http": "h", "sms": 3}"#).accept().unwrap();
        let Text::ByProtocol(texts) = accepted.text else { panic!("one text for all") };
        assert_eq!(texts.keys().collect::<Vec<_>>(), ["default", "http"]);
        assert!(refusal(json("no")).ends_with("Message Structure - JSON message body failed to parse"));
        assert!(refusal(json("{}")).ends_with("Message Structure - No default entry in JSON message body"));
    }

    #[test]
    fn attributes_have_a_type_and_a_value_of_it() {
        assert_eq!(refusal(with_attribute("a", "String", Some("x"), None)), "fine");
        assert_eq!(refusal(with_attribute("a", "Binary.png", None, Some(b"x"))), "fine");
        assert_eq!(
            refusal(with_attribute("a", "String", None, None)),
            "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'."
        );
        assert_eq!(
            refusal(with_attribute("a", "Binary", Some("x"), None)),
            "The message attribute 'a' with type 'Binary' must use field 'Binary'."
        );
        assert!(
            refusal(with_attribute("a", "Thing", Some("x"), None)).contains("set of supported type prefixes")
        );
        assert!(refusal(with_attribute("a", "Number", Some("x"), None)).contains("to number"));
        for name in [".a", "a.", "a..b", "a b", ""] {
            assert_ne!(refusal(with_attribute(name, "String", Some("x"), None)), "fine", "{name}");
        }
    }
}
