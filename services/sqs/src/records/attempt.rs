use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

/// What a call received from a FIFO queue that named its attempt: a repeated call gets the same. Key: queue, attempt id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub queue: Uuid,
    pub id: String,
    pub taken: Vec<Taken>,
    /// In milliseconds since 1970.
    pub until: i64,
}

/// A receipt of one message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// The key of the message is made of these.
    pub messages: Uuid,
    pub position: u64,
    pub message: Uuid,
    pub count: u32,
    /// Whoever changes it has modified the message.
    pub visible_at: i64,
}

impl Attempt {
    /// By the time at which they end.
    pub const END: &'static str = "end";

    pub fn key_of(queue: Uuid, id: &str) -> Key {
        Key::of(queue.to_string()).and(id)
    }
}

impl Record for Attempt {
    const KIND: &'static str = "sqs/attempt";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.queue, &self.id)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new(Self::END, Key::of(self.queue.to_string()).and_i64(self.until))]
    }
}
