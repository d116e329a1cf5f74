use std::collections::BTreeMap;

use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use crate::names::QueueName;

/// A queue. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// A queue that is deleted and made again is another one.
    pub id: Uuid,
    pub name: QueueName,
    /// The pile of its messages. Purging gives the queue a new, empty pile, at once, however many messages there are.
    pub messages: Uuid,
    pub settings: Settings,
    pub tags: BTreeMap<String, String>,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub purged: Option<Timestamp>,
}

/// The attributes of a queue that can be set. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub visibility_timeout: u32,
    /// In bytes.
    pub maximum_message_size: u32,
    pub message_retention_period: u32,
    pub delay: u32,
    pub receive_wait_time: u32,
    pub policy: Option<String>,
    pub redrive: Option<Redrive>,
    pub redrive_allow: Option<RedriveAllow>,
    pub content_based_deduplication: bool,
    pub deduplication_scope: DeduplicationScope,
    pub throughput_limit: ThroughputLimit,
    /// Whether messages are sealed at rest.
    pub managed_encryption: bool,
}

/// Where messages go that are received too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    pub target_arn: String,
    pub maximum_receive_count: u32,
}

/// Which queues may name this one as their dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedriveAllow {
    All,
    Nobody,
    /// By ARN.
    Queues(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeduplicationScope {
    Queue,
    MessageGroup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThroughputLimit {
    PerQueue,
    PerMessageGroupId,
}

impl Default for Settings {
    /// Source: SQS API Reference, CreateQueue.
    fn default() -> Self {
        Self {
            visibility_timeout: 30,
            maximum_message_size: 1_048_576,
            message_retention_period: 345_600,
            delay: 0,
            receive_wait_time: 0,
            policy: None,
            redrive: None,
            redrive_allow: None,
            content_based_deduplication: false,
            deduplication_scope: DeduplicationScope::Queue,
            throughput_limit: ThroughputLimit::PerQueue,
            managed_encryption: true,
        }
    }
}

impl Queue {
    /// By the ARN of their dead-letter queue, then by name.
    pub const DEAD_LETTER: &'static str = "dead-letter";

    pub fn arn(&self) -> String {
        self.name.arn()
    }

    pub fn is_fifo(&self) -> bool {
        self.name.is_fifo()
    }

    /// Whether another queue is its dead-letter queue.
    pub fn gives_up_to(&self, other: &Self) -> bool {
        self.settings.redrive.as_ref().is_some_and(|redrive| redrive.target_arn == other.arn())
    }

    /// Messages sent at that time or before are not kept any more. In milliseconds since 1970.
    pub fn expiry_horizon(&self, now: i64) -> i64 {
        now - i64::from(self.settings.message_retention_period) * 1000
    }
}

impl Record for Queue {
    const KIND: &'static str = "sqs/queue";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        self.name.key()
    }

    fn indexes(&self) -> Vec<Index> {
        let redrive = self.settings.redrive.iter();
        redrive
            .map(|redrive| Index::new(Self::DEAD_LETTER, Key::of(&redrive.target_arn).and(&self.name.name)))
            .collect()
    }
}
