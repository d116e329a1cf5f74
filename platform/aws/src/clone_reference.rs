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
    /// None for a repository of CodeCommit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ThroughConnection>,
}

/// A connection to a Git host, and the repository as permissions to use the connection name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThroughConnection {
    pub arn: String,
    pub full_repository_id: String,
}

impl CloneReference {
    /// By this content type of its object it is known.
    pub const CONTENT_TYPE: &str = "application/vnd.stagewright.clone-reference+json";
    /// In bytes, at most.
    pub const LARGEST: u64 = 8 * 1024;
}
