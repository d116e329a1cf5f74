use aws::{Scope, Timestamp};
use codebuild_model::{BuildBatchPhaseType, StatusType};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use super::{Artifact, BuildId, Configuration, ReportId, WebhookStart, in_scope};
use crate::buildspec::{self, BatchBuild, Shard};

/// One batch of builds. Key: account, region, project, uuid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    pub scope: Scope,
    pub id: BuildId,
    pub number: u64,
    pub initiator: String,
    pub started: Timestamp,
    /// When it was retried for the last time, else when it was started: the time limit counts from here.
    pub resumed: Timestamp,
    pub ended: Option<Timestamp>,
    /// The project's settings as they were, with the overrides of this batch.
    pub configuration: Configuration,
    pub source_version: Option<String>,
    pub resolved_source_version: Option<String>,
    /// What a webhook has told, if one has started it; its builds are told the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookStart>,
    pub debug_session: bool,
    /// In the order in which the batch came to them, retries included; the last one is open.
    pub phases: Vec<BatchPhase>,
    pub fast_fail: bool,
    /// A failure, with `fast_fail`: nothing more is started.
    pub failing_fast: bool,
    /// The first one fetches the source; the others are known once it has.
    pub groups: Vec<Group>,
    /// Set when the artifacts of the builds were combined.
    pub artifacts: Option<Artifact>,
    /// Merged ones of a fan-out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<ReportId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchPhase {
    pub kind: BatchPhaseKind,
    #[serde(with = "super::optional_name")]
    pub status: Option<StatusType>,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// Code and message.
    pub context: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BatchPhaseKind {
    Submitted,
    DownloadBatchspec,
    InProgress,
    CombineArtifacts,
    Succeeded,
    Failed,
    Stopped,
}

impl BatchPhaseKind {
    pub fn shown(self) -> BuildBatchPhaseType {
        match self {
            Self::Submitted => BuildBatchPhaseType::Submitted,
            Self::DownloadBatchspec => BuildBatchPhaseType::DownloadBatchspec,
            Self::InProgress => BuildBatchPhaseType::InProgress,
            Self::CombineArtifacts => BuildBatchPhaseType::CombineArtifacts,
            Self::Succeeded => BuildBatchPhaseType::Succeeded,
            Self::Failed => BuildBatchPhaseType::Failed,
            Self::Stopped => BuildBatchPhaseType::Stopped,
        }
    }
}

/// One build of a batch, with what came of it before it was retried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub build: BatchBuild,
    pub state: GroupState,
    pub current: Option<BuildSummary>,
    pub prior: Vec<BuildSummary>,
    /// The next build repeats this one.
    pub repeats: Option<BuildId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupState {
    /// For builds that it depends on, or for its batch to begin.
    Waiting,
    /// A build is to be started; its id stands in the summary.
    Starting,
    Running,
    Succeeded,
    Failed,
    /// Never started, because of a failure elsewhere.
    Skipped,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BuildSummary {
    /// None if it never came to a build.
    pub build: Option<BuildId>,
    pub requested: Timestamp,
    #[serde(with = "super::optional_name")]
    pub status: Option<StatusType>,
    pub primary: Option<Artifact>,
    pub secondary: Vec<Artifact>,
}

/// What makes a build part of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartOf {
    /// Of the same project.
    pub batch: Uuid,
    pub identifier: String,
    pub shard: Option<Shard>,
}

impl Batch {
    /// Of a scope, by start.
    pub const STARTED: &'static str = "started";
    /// Of a project, by number.
    pub const NUMBER: &'static str = "number";
    /// As `STARTED` and `NUMBER`, by status before.
    pub const STATUS_STARTED: &'static str = "status-started";
    pub const STATUS_NUMBER: &'static str = "status-number";

    pub fn key_of(scope: &Scope, id: &BuildId) -> Key {
        in_scope(scope).and(&id.project).and(id.uuid.to_string())
    }

    pub fn arn(&self) -> String {
        batch_arn(&self.scope, &self.id)
    }
}

pub fn batch_arn(scope: &Scope, id: &BuildId) -> String {
    scope.arn("codebuild", format_args!("build-batch/{id}")).to_string()
}

impl Record for Batch {
    const KIND: &'static str = "codebuild/batch";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.id)
    }

    fn indexes(&self) -> Vec<Index> {
        let uuid = self.id.uuid.to_string();
        let status = self.status();
        let of_project = in_scope(&self.scope).and(&self.id.project);
        let started = |key: Key| key.and_i64(self.started.as_millis()).and(&uuid);
        vec![
            Index::new(Self::STARTED, started(in_scope(&self.scope))),
            Index::new(Self::STATUS_STARTED, started(in_scope(&self.scope).and(status.as_str()))),
            Index::new(Self::NUMBER, of_project.clone().and_u64(self.number)),
            Index::new(Self::STATUS_NUMBER, of_project.and(status.as_str()).and_u64(self.number)),
        ]
    }
}

/// The number of a project's latest batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchCounter {
    pub scope: Scope,
    pub project: String,
    pub last: u64,
}

impl BatchCounter {
    pub fn key_of(scope: &Scope, project: &str) -> Key {
        in_scope(scope).and(project)
    }
}

impl Record for BatchCounter {
    const KIND: &'static str = "codebuild/batch-counter";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.project)
    }
}

/// What the build that fetched a batch's source has read, until its end is told. Key: that of the build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batchspec {
    pub scope: Scope,
    pub build: BuildId,
    pub batch: buildspec::Batch,
}

impl Record for Batchspec {
    const KIND: &'static str = "codebuild/batchspec";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        super::Build::key_of(&self.scope, &self.build)
    }
}
