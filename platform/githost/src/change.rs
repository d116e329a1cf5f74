//! What happened in a repository, as its host tells of it.

use serde::{Deserialize, Serialize};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `owner/name` as the host spells it.
    pub repository: String,
    /// By whom: the id of the account at the host.
    pub actor: Option<String>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    Push(Push),
    PullRequest(PullRequest),
    Release(Release),
}

/// A branch or tag was created or moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    pub commit: String,
    pub kind: Reference,
    pub name: String,
    /// None: it is new.
    pub before: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    pub commit: String,
    pub id: String,
    pub title: String,
    pub action: Action,
    pub source_branch: String,
    pub destination_branch: String,
    /// From another repository.
    pub is_from_fork: bool,
    /// Of one that was merged, where the host tells it.
    pub merge_commit: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub tag: String,
    pub name: String,
    pub is_prerelease: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reference {
    Branch,
    Tag,
}

/// What happened to a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    Created,
    Updated,
    Reopened,
    Merged,
    /// Without having been merged.
    Closed,
}

impl Reference {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Tag => "tag",
        }
    }

    /// Where such references are.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Branch => "refs/heads/",
            Self::Tag => "refs/tags/",
        }
    }
}

impl Push {
    /// `refs/heads/main`
    pub fn reference(&self) -> String {
        format!("{}{}", self.kind.folder(), self.name)
    }
}
