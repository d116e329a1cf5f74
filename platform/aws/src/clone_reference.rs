//! An artifact that names a commit instead of holding its files. CodePipeline's source actions make it for
//! `OutputArtifactFormat` CODEBUILD_CLONE_REF; CodeBuild clones what it names, with the rights of the build's role. To
//! everybody else it is an archive that cannot be read.

use serde::{Deserialize, Serialize};

/// The content of the artifact, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloneReference {
    pub clone_url: String,
    pub commit_id: String,
}

impl CloneReference {
    /// By this content type of its object it is known.
    pub const CONTENT_TYPE: &str = "application/vnd.stagewright.clone-reference+json";
    /// In bytes, at most.
    pub const LARGEST: u64 = 8 * 1024;
}
