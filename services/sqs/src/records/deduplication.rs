use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

/// A message that a FIFO queue took, kept as long as it would not take it again. Key: queue, group (empty if the scope is
/// the queue), deduplication id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deduplication {
    pub queue: Uuid,
    pub group: String,
    pub id: String,
    pub message: Uuid,
    pub position: u64,
    /// In milliseconds since 1970.
    pub until: i64,
}

impl Deduplication {
    /// By the time at which they end.
    pub const END: &'static str = "end";

    pub fn key_of(queue: Uuid, group: &str, id: &str) -> Key {
        Key::of(queue.to_string()).and(group).and(id)
    }
}

impl Record for Deduplication {
    const KIND: &'static str = "sqs/deduplication";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.queue, &self.group, &self.id)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new(Self::END, Key::of(self.queue.to_string()).and_i64(self.until))]
    }
}
