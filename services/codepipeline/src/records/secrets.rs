use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

/// The secret values of one version of a definition; the definition itself has a mask in their place. Key: pipeline,
/// version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    pub pipeline: Uuid,
    pub version: u32,
    pub values: Vec<SecretValue>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretValue {
    pub stage: String,
    pub action: String,
    /// `OWNER/CATEGORY/PROVIDER/VERSION`: a value that was given to one provider does not become another's.
    pub action_type: String,
    pub key: String,
    pub sealed: String,
}

impl Secrets {
    pub fn of_pipeline(pipeline: Uuid) -> Key {
        Key::of(pipeline.to_string())
    }

    pub fn key_of(pipeline: Uuid, version: u32) -> Key {
        Self::of_pipeline(pipeline).and_u64(version.into())
    }
}

impl Record for Secrets {
    const KIND: &'static str = "codepipeline/secrets";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.pipeline, self.version)
    }
}
