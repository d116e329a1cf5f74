use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use crate::availability::Slot;
use crate::receipt::Receipt;

/// A message in a queue, without its content. Times are milliseconds since 1970. Key: pile of messages, position, id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The pile that it lies in: [`Queue::messages`](super::Queue::messages).
    pub messages: Uuid,
    /// Its number in a FIFO queue; when it came in another.
    pub position: u64,
    pub id: Uuid,
    pub sent: i64,
    /// The unique id of the principal that sent it.
    pub sender: String,
    pub visible_at: i64,
    /// Whether it was received since it became visible at first.
    pub received: bool,
    pub receive_count: u32,
    pub first_received: Option<i64>,
    pub last_received: Option<i64>,
    /// Standard queues keep the name, and no order.
    pub group: Option<String>,
    pub deduplication_id: Option<String>,
    pub is_fifo: bool,
    /// The ARN of the queue that gave it up.
    pub dead_letter_source: Option<String>,
}

impl Message {
    /// Those never received, by the time from when on they are visible.
    pub const FRESH: &'static str = "fresh";
    /// Those received and not deleted, by the time from when on they are visible again.
    pub const RECEIVED: &'static str = "received";
    /// By age.
    pub const SENT: &'static str = "sent";
    /// Those of FIFO queues, by group and position.
    pub const GROUP: &'static str = "group";

    /// The prefix of what belongs to a pile of messages, in every index too.
    pub fn pile(messages: Uuid) -> Key {
        Key::of(messages.to_string())
    }

    pub fn key_of(receipt: &Receipt) -> Key {
        Self::pile(receipt.messages).and_u64(receipt.position).and(receipt.id.to_string())
    }

    pub fn slot(&self) -> Slot {
        Slot { visible_at: self.visible_at, received: self.received }
    }

    pub fn is_in_flight(&self, now: i64) -> bool {
        self.received && self.visible_at > now
    }

    /// Of its latest receipt.
    pub fn receipt(&self) -> Receipt {
        Receipt { messages: self.messages, position: self.position, id: self.id, count: self.receive_count }
    }

    /// As clients see the number of a message in a FIFO queue.
    pub fn sequence_number(position: u64) -> String {
        format!("{position:020}")
    }
}

impl Record for Message {
    const KIND: &'static str = "sqs/message";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.receipt())
    }

    fn indexes(&self) -> Vec<Index> {
        let pile = || Self::pile(self.messages);
        let name = if self.received { Self::RECEIVED } else { Self::FRESH };
        let mut indexes = vec![
            Index::new(name, pile().and_i64(self.visible_at).and_u64(self.position)),
            Index::new(Self::SENT, pile().and_i64(self.sent)),
        ];
        if let Some(group) = self.group.as_ref().filter(|_| self.is_fifo) {
            indexes.push(Index::new(Self::GROUP, pile().and(group).and_u64(self.position)));
        }
        indexes
    }
}
