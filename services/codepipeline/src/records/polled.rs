use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

/// The commit that a source action's branch had when it was last looked at. Key: pipeline, action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Polled {
    pub pipeline: Uuid,
    pub action: String,
    pub commit: String,
}

impl Polled {
    pub fn of_pipeline(pipeline: Uuid) -> Key {
        Key::of(pipeline.to_string())
    }

    pub fn key_of(pipeline: Uuid, action: &str) -> Key {
        Self::of_pipeline(pipeline).and(action)
    }
}

impl Record for Polled {
    const KIND: &'static str = "codepipeline/polled";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.pipeline, &self.action)
    }
}
