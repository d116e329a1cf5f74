use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

use crate::triggers::Change;

/// A change of a repository that a pipeline has not looked at yet. Key: pipeline, number of its event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PendingChange {
    pub pipeline: Uuid,
    pub seq: u64,
    pub change: Change,
    pub since: Timestamp,
}

impl PendingChange {
    /// The prefix of all of a pipeline, in the order in which they happened.
    pub fn of_pipeline(pipeline: Uuid) -> Key {
        Key::of(pipeline.to_string())
    }

    pub fn key_of(pipeline: Uuid, seq: u64) -> Key {
        Self::of_pipeline(pipeline).and_u64(seq)
    }
}

impl Record for PendingChange {
    const KIND: &'static str = "codepipeline/pending-change";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.pipeline, self.seq)
    }
}
