use std::collections::BTreeMap;

use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

/// A message that is not yet delivered to everybody. Key: its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub id: Uuid,
    pub topic_id: Uuid,
    pub subject: Option<String>,
    pub text: Text,
    pub attributes: BTreeMap<String, Attribute>,
    pub published: Timestamp,
    /// Deliveries that have not ended.
    pub pending: u64,
    /// Whether there are subscriptions that no delivery was made for yet.
    pub spreading: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Text {
    Same(String),
    /// By protocol, with that of all others under `default`.
    ByProtocol(BTreeMap<String, String>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// `String`, `String.Array`, `Number` or `Binary`, or one of these with more behind a dot.
    pub data_type: String,
    /// In base64 if it is binary.
    pub value: String,
}

impl Message {
    pub fn key_of(id: Uuid) -> Key {
        Key::of(id.to_string())
    }

    /// What subscribers by a protocol get.
    pub fn text_for(&self, protocol: &str) -> &str {
        match &self.text {
            Text::Same(text) => text,
            Text::ByProtocol(texts) => {
                texts.get(protocol).or_else(|| texts.get("default")).map_or("", String::as_str)
            }
        }
    }

    /// Whether nobody needs it any more.
    pub fn is_done(&self) -> bool {
        self.pending == 0 && !self.spreading
    }
}

impl Record for Message {
    const KIND: &'static str = "sns/message";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.id)
    }
}
