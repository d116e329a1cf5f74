use std::collections::BTreeSet;

use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

use crate::engine::ExecutionId;

/// How far the artifacts of a pipeline have been cleaned up. Key: pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    pub pipeline: Uuid,
    /// Executions up to this one have been dealt with.
    pub done_to: u64,
    /// But for these, whose artifacts were still needed.
    pub left: BTreeSet<u64>,
}

impl Cleanup {
    pub fn key_of(pipeline: Uuid) -> Key {
        Key::of(pipeline.to_string())
    }

    pub fn new(pipeline: Uuid) -> Self {
        Self { pipeline, done_to: 0, left: BTreeSet::new() }
    }

    /// The artifacts of an execution are on their way out. `older`: those before it that keep theirs.
    pub fn advance(&mut self, ordinal: u64, older: impl Iterator<Item = u64>) {
        self.left.extend(older);
        self.done_to = self.done_to.max(ordinal);
        self.left.remove(&ordinal);
    }
}

impl Record for Cleanup {
    const KIND: &'static str = "codepipeline/cleanup";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.pipeline)
    }
}

/// An entry of the queue of artifacts that go: committed with the mark on their action executions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    pub scope: Scope,
    pub pipeline_name: String,
    pub pipeline: Uuid,
    pub execution: ExecutionId,
    pub marked_at: Timestamp,
}
