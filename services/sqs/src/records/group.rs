use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

/// A group of a FIFO queue that has messages. Key: pile of messages, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub messages: Uuid,
    pub name: String,
    /// From when on it may be received, in milliseconds since 1970.
    pub ready_at: i64,
    /// The position of its first message.
    pub first: u64,
}

/// The last position that a FIFO queue gave out. Key: queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    pub queue: Uuid,
    pub last: u64,
}

impl Group {
    /// By the time from when on they may be received, then by their first message.
    pub const READY: &'static str = "ready";

    pub fn key_of(messages: Uuid, name: &str) -> Key {
        Key::of(messages.to_string()).and(name)
    }
}

impl Record for Group {
    const KIND: &'static str = "sqs/group";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.messages, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let key = Key::of(self.messages.to_string()).and_i64(self.ready_at).and_u64(self.first);
        vec![Index::new(Self::READY, key)]
    }
}

impl Counter {
    pub fn key_of(queue: Uuid) -> Key {
        Key::of(queue.to_string())
    }
}

impl Record for Counter {
    const KIND: &'static str = "sqs/counter";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.queue)
    }
}
