use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

use crate::engine::ExecutionId;

/// The revision that somebody pushed last to a source action. Key: pipeline, stage, action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PushedRevision {
    pub pipeline: Uuid,
    pub stage: String,
    pub action: String,
    pub revision_id: String,
    pub revision_change_id: String,
    pub created: Timestamp,
    /// What it started.
    pub execution: ExecutionId,
}

impl PushedRevision {
    pub fn of_pipeline(pipeline: Uuid) -> Key {
        Key::of(pipeline.to_string())
    }

    pub fn key_of(pipeline: Uuid, stage: &str, action: &str) -> Key {
        Self::of_pipeline(pipeline).and(stage).and(action)
    }
}

impl Record for PushedRevision {
    const KIND: &'static str = "codepipeline/pushed-revision";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.pipeline, &self.stage, &self.action)
    }
}
