use aws::{Scope as AwsScope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use crate::names::TopicName;

/// A subscription. Key: the topic's id, its own id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    pub id: Uuid,
    pub topic_id: Uuid,
    /// Where the topic is.
    pub topic_scope: AwsScope,
    pub topic_name: String,
    /// The account that subscribed.
    pub owner: String,
    /// The ARN of who subscribed.
    pub principal: String,
    pub protocol: Protocol,
    pub endpoint: String,
    pub status: Status,
    /// What confirms the subscription, or takes its cancellation back.
    pub token: Option<Token>,
    pub confirmed_with_signature: bool,
    pub authenticate_on_unsubscribe: bool,
    pub raw: bool,
    /// As it was given.
    pub filter_policy: Option<String>,
    pub filter_scope: Scope,
    /// As it was given.
    pub delivery_policy: Option<String>,
    /// The ARN of the queue that gets what could not be delivered.
    #[serde(default)]
    pub dead_letter_arn: Option<String>,
    pub created: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    Http,
    Https,
    Email(MailFormat),
    /// The endpoint is a queue's ARN.
    Sqs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailFormat {
    /// The message alone.
    Text,
    /// What subscribers by HTTP get.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Pending,
    Confirmed,
    /// Cancelled by its endpoint, which may take that back for as long as the token lives.
    Cancelled,
}

/// What a filter policy looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    #[default]
    MessageAttributes,
    MessageBody,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    pub sealed: String,
    /// In hexadecimal: the token is found by it.
    pub hash: String,
    pub expires: Timestamp,
}

impl Token {
    /// What tokens are found by: who reads the records learns no token.
    pub fn hash_of(token: &str) -> String {
        blake3::hash(token.as_bytes()).to_hex().to_string()
    }
}

impl Protocol {
    /// `None` for what is not served.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "http" => Self::Http,
            "https" => Self::Https,
            "email" => Self::Email(MailFormat::Text),
            "sqs" => Self::Sqs,
            "email-json" => Self::Email(MailFormat::Json),
            _ => return None,
        })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Email(MailFormat::Text) => "email",
            Self::Email(MailFormat::Json) => "email-json",
            Self::Sqs => "sqs",
        }
    }

    pub fn is_http(self) -> bool {
        match self {
            Self::Http | Self::Https => true,
            Self::Email(_) | Self::Sqs => false,
        }
    }

    /// Whether messages may be sent as they are, without what tells of topic and signature.
    pub fn knows_raw(self) -> bool {
        self.is_http() || self == Self::Sqs
    }
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageAttributes => "MessageAttributes",
            Self::MessageBody => "MessageBody",
        }
    }
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Subscription {
    pub const ID: &str = "id";
    pub const OWNER: &str = "owner";
    pub const ENDPOINT: &str = "endpoint";
    pub const TOKEN: &str = "token";
    pub const STATUS: &str = "status";

    pub fn key_of(topic_id: Uuid, id: Uuid) -> Key {
        Self::of_topic(topic_id).and(id.to_string())
    }

    /// The prefix of all subscriptions of a topic.
    pub fn of_topic(topic_id: Uuid) -> Key {
        Key::of(topic_id.to_string())
    }

    /// The index key of the subscriptions of a topic with an endpoint.
    pub fn at_endpoint(topic_id: Uuid, protocol: Protocol, endpoint: &str) -> Key {
        let hash = blake3::hash(endpoint.as_bytes()).to_hex();
        Key::of(topic_id.to_string()).and(protocol.as_str()).and(hash.as_str())
    }

    /// The index key of the subscriptions of an account to topics of a region.
    pub fn of_owner(owner: &str, region: &str) -> Key {
        Key::of(owner).and(region)
    }

    /// The index key of the subscriptions of a topic in a state.
    pub fn in_status(topic_id: Uuid, status: Status) -> Key {
        Key::of(topic_id.to_string()).and(status.as_str())
    }

    pub fn topic(&self) -> TopicName {
        TopicName { scope: self.topic_scope.clone(), name: self.topic_name.clone() }
    }

    pub fn arn(&self) -> String {
        format!("{}:{}", self.topic().arn(), self.id)
    }

    /// For which purpose its token is sealed.
    pub fn token_purpose(&self) -> String {
        format!("sns/subscription-token/{}", self.id)
    }
}

impl Record for Subscription {
    const KIND: &'static str = "sns/subscription";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.topic_id, self.id)
    }

    fn indexes(&self) -> Vec<Index> {
        let mut indexes = vec![
            Index::new(Self::ID, Key::of(self.id.to_string())),
            Index::new(Self::STATUS, Self::in_status(self.topic_id, self.status)),
        ];
        // A cancelled one is there only to be taken back.
        if self.status != Status::Cancelled {
            let owned = Self::of_owner(&self.owner, self.topic_scope.region.as_str());
            indexes.push(Index::new(Self::OWNER, owned.and(&self.topic_name)));
            let endpoint = Self::at_endpoint(self.topic_id, self.protocol, &self.endpoint);
            indexes.push(Index::new(Self::ENDPOINT, endpoint));
        }
        if let Some(token) = &self.token {
            indexes.push(Index::new(Self::TOKEN, Key::of(&token.hash)));
        }
        indexes
    }
}
