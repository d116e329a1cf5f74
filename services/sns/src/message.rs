//! What subscribers are sent: AWS's JSON, with its members in AWS's order and spacing, and the text that is signed.
//! Source: SNS Developer Guide, "Parsing Amazon SNS message formats" and "Verifying the signatures of Amazon SNS messages".

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::records::Attribute;

/// `x-amz-sns-message-type` and the member `Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::SubscriptionConfirmation => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }
}

/// A message before it is signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    pub kind: Kind,
    pub message_id: String,
    pub topic_arn: String,
    pub subject: Option<String>,
    pub message: String,
    /// `2012-05-02T00:54:06.655Z`
    pub timestamp: String,
    /// Of confirmations: the token, and the address that takes it.
    pub confirmation: Option<Confirmation>,
    /// Of notifications.
    pub unsubscribe_url: Option<String>,
    pub attributes: BTreeMap<String, Attribute>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Confirmation {
    pub token: String,
    pub subscribe_url: String,
}

/// What proves where a message comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// `1` or `2`
    pub version: u8,
    /// In base64.
    pub signature: String,
    pub certificate_url: String,
}

impl Envelope {
    /// Name and value, each on a line of its own, in the alphabetical order of the names.
    pub fn text_to_sign(&self) -> String {
        let mut lines = vec![("Message", self.message.as_str()), ("MessageId", &self.message_id)];
        if let Some(confirmation) = &self.confirmation {
            lines.push(("SubscribeURL", &confirmation.subscribe_url));
        }
        if let Some(subject) = &self.subject {
            lines.push(("Subject", subject));
        }
        lines.push(("Timestamp", &self.timestamp));
        if let Some(confirmation) = &self.confirmation {
            lines.push(("Token", &confirmation.token));
        }
        lines.push(("TopicArn", &self.topic_arn));
        lines.push(("Type", self.kind.as_str()));
        lines.iter().map(|(name, value)| format!("{name}\n{value}\n")).collect()
    }

    pub fn json(&self, proof: &Proof) -> String {
        let mut members = Map::new();
        let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
        add("Type", json!(self.kind.as_str()));
        add("MessageId", json!(self.message_id));
        if let Some(confirmation) = &self.confirmation {
            add("Token", json!(confirmation.token));
        }
        add("TopicArn", json!(self.topic_arn));
        if let Some(subject) = &self.subject {
            add("Subject", json!(subject));
        }
        add("Message", json!(self.message));
        if let Some(confirmation) = &self.confirmation {
            add("SubscribeURL", json!(confirmation.subscribe_url));
        }
        add("Timestamp", json!(self.timestamp));
        add("SignatureVersion", json!(proof.version.to_string()));
        add("Signature", json!(proof.signature));
        add("SigningCertURL", json!(proof.certificate_url));
        if let Some(url) = &self.unsubscribe_url {
            add("UnsubscribeURL", json!(url));
        }
        if !self.attributes.is_empty() {
            let attributes = self.attributes.iter().map(|(name, attribute)| {
                (name.clone(), json!({"Type": attribute.data_type, "Value": attribute.value}))
            });
            add("MessageAttributes", Value::Object(attributes.collect()));
        }
        print(&members)
    }
}

/// Some subscribers compare texts, so the spacing is AWS's: a blank on each side of the colons of the outermost object
/// and of the list of attributes.
fn print(members: &Map<String, Value>) -> String {
    let lines = members.iter().map(|(name, value)| match value {
        Value::Object(inner) => {
            let lines = inner.iter().map(|(name, value)| format!("    {} : {value}", json!(name)));
            format!("  {} : {{\n{}\n  }}", json!(name), lines.collect::<Vec<_>>().join(",\n"))
        }
        value => format!("  {} : {value}", json!(name)),
    });
    format!("{{\n{}\n}}", lines.collect::<Vec<_>>().join(",\n"))
}

/// The text of a subscription's confirmation.
pub fn invitation(topic_arn: &str) -> String {
    format!(
        "You have chosen to subscribe to the topic {topic_arn}.\nTo confirm the subscription, visit the SubscribeURL \
         included in this message."
    )
}

/// The text that a subscriber is sent whose subscription somebody cancelled without a signature.
pub fn farewell(subscription_arn: &str) -> String {
    format!(
        "You have chosen to deactivate subscription {subscription_arn}.\nTo cancel this operation and restore the \
         subscription, visit the SubscribeURL included in this message."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification() -> Envelope {
        Envelope {
            kind: Kind::Notification,
            message_id: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324".into(),
            topic_arn: "arn:aws:sns:us-west-2:123456789012:MyTopic".into(),
            subject: Some("My First Message".into()),
            message: "Hello \"world\"!".into(),
            timestamp: "2012-05-02T00:54:06.655Z".into(),
            confirmation: None,
            unsubscribe_url: Some("http://here/?u".into()),
            attributes: BTreeMap::from([(
                "kind".to_owned(),
                Attribute { data_type: "String".into(), value: "x".into() },
            )]),
        }
    }

    fn proof() -> Proof {
        Proof { version: 1, signature: "c2ln".into(), certificate_url: "http://here/c.pem".into() }
    }

    #[test]
    fn a_notification_looks_as_on_aws() {
        let expected = r#"{
  "Type" : "Notification",
  "MessageId" : "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
  "TopicArn" : "arn:aws:sns:us-west-2:123456789012:MyTopic",
  "Subject" : "My First Message",
  "Message" : "Hello \"world\"!",
  "Timestamp" : "2012-05-02T00:54:06.655Z",
  "SignatureVersion" : "1",
  "Signature" : "c2ln",
  "SigningCertURL" : "http://here/c.pem",
  "UnsubscribeURL" : "http://here/?u",
  "MessageAttributes" : {
    "kind" : {"Type":"String","Value":"x"}
  }
}"#;
        assert_eq!(notification().json(&proof()), expected);
        let signed = "Message\nHello \"world\"!\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\nSubject\nMy First \
                      Message\nTimestamp\n2012-05-02T00:54:06.655Z\nTopicArn\narn:aws:sns:us-west-2:123456789012:MyTopic\n\
                      Type\nNotification\n";
        assert_eq!(notification().text_to_sign(), signed);
    }

    #[test]
    fn a_confirmation_carries_its_token() {
        let confirmation = Confirmation { token: "t".into(), subscribe_url: "http://here/?s".into() };
        let envelope = Envelope {
            kind: Kind::SubscriptionConfirmation,
            subject: None,
            confirmation: Some(confirmation),
            unsubscribe_url: None,
            attributes: BTreeMap::new(),
            ..notification()
        };
        let signed = envelope.text_to_sign();
        let names: Vec<&str> = signed.lines().step_by(2).collect();
        assert_eq!(names, ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]);
        let members: Map<String, Value> = serde_json::from_str(&envelope.json(&proof())).unwrap();
        let names: Vec<&str> = members.keys().map(String::as_str).collect();
        let expected = [
            "Type",
            "MessageId",
            "Token",
            "TopicArn",
            "Message",
            "SubscribeURL",
            "Timestamp",
            "SignatureVersion",
            "Signature",
            "SigningCertURL",
        ];
        assert_eq!(names, expected);
    }
}
