use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Index, Key, Record};
use uuid::Uuid;

use crate::engine::{
    self, ActionExecutionId, ActionStatus, ApprovalToken, ConditionType, ExecutionId, ExecutionStatus,
    RuleExecutionId, RuleStatus,
};
use crate::providers::{Artifact, Commands, ErrorDetails, Report, Revision};

/// Bytes. Source: Amazon S3 User Guide, "Naming Amazon S3 objects".
const LONGEST_SOURCE_NAME: usize = 1_024;

/// A pipeline by name. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    pub id: Uuid,
    pub scope: Scope,
    pub name: String,
    pub version: u32,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub tags: BTreeMap<String, String>,
    /// Changes that start it.
    pub watches: Vec<Watch>,
}

/// A source action that starts its pipeline when the source changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    pub action: String,
    /// `codecommit`, `s3` or `codeconnections`.
    pub service: String,
    /// The repository's or the bucket's name, or the connection's ARN.
    pub container: String,
    /// The branch's name, the object's key, or the full id of the connection's repository.
    pub item: String,
}

impl Pipeline {
    pub const WATCH: &str = "watch";
    pub const ID: &str = "id";

    pub fn with_id(id: Uuid) -> Key {
        Key::of(id.to_string())
    }

    pub fn key_of(scope: &Scope, name: &str) -> Key {
        Self::in_scope(scope).and(name)
    }

    /// The prefix of all pipelines of a scope.
    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    /// The index key of those that a change starts.
    pub fn watching(scope: &Scope, service: &str, container: &str, item: &str) -> Key {
        Self::in_scope(scope).and(service).and(short(container)).and(short(item))
    }

    pub fn arn(&self) -> String {
        self.scope.arn("codepipeline", &self.name).to_string()
    }
}

/// A configuration may say more than a key of the store holds; what sources there really are have shorter names.
fn short(name: &str) -> Cow<'_, str> {
    match name.len() > LONGEST_SOURCE_NAME || name.contains(['\0', '\u{1}']) {
        true => Cow::Owned(blake3::hash(name.as_bytes()).to_string()),
        false => Cow::Borrowed(name),
    }
}

impl Record for Pipeline {
    const KIND: &'static str = "codepipeline/pipeline";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let keys = self
            .watches
            .iter()
            .map(|watch| Self::watching(&self.scope, &watch.service, &watch.container, &watch.item));
        let id = Index::new(Self::ID, Self::with_id(self.id));
        keys.map(|key| Index::new(Self::WATCH, key)).chain([id]).collect()
    }
}

/// One version of a definition; never changes. Key: pipeline, version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    pub pipeline: Uuid,
    pub version: u32,
    pub created: Timestamp,
    /// The declaration in the API's own JSON: a document of the user's, not of ours.
    pub declaration: Value,
}

impl Definition {
    pub fn key_of(pipeline: Uuid, version: u32) -> Key {
        Key::of(pipeline.to_string()).and_u64(version.into())
    }
}

impl Record for Definition {
    const KIND: &'static str = "codepipeline/definition";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.pipeline, self.version)
    }
}

/// The engine's state of a pipeline. Key: pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {
    pub pipeline: Uuid,
    pub engine: engine::Pipeline,
    /// Number of the action execution that was started last.
    pub last_action: u64,
    /// Number of the rule execution that was started last.
    #[serde(default)]
    pub last_rule: u64,
}

impl Live {
    pub fn key_of(pipeline: Uuid) -> Key {
        Key::of(pipeline.to_string())
    }
}

impl Record for Live {
    const KIND: &'static str = "codepipeline/live";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.pipeline)
    }
}

/// An execution, in progress or ended. Key: pipeline, ordinal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    pub pipeline: Uuid,
    pub id: ExecutionId,
    pub ordinal: u64,
    /// Version of the definition.
    pub version: u32,
    pub mode: engine::ExecutionMode,
    pub status: ExecutionStatus,
    pub started_at: Timestamp,
    pub updated_at: Timestamp,
    /// When a stage of it was last retried.
    pub resumed_at: Option<Timestamp>,
    pub trigger: ExecutionTrigger,
    pub stop_reason: Option<String>,
    /// Pipeline variables with their values for this execution.
    pub variables: BTreeMap<String, String>,
    /// Source revisions that it was started with.
    pub overrides: Vec<SourceOverride>,
    /// What its source actions took.
    pub revisions: Vec<ArtifactRevision>,
    /// Stages in which it succeeded on this version of the definition.
    pub succeeded_stages: BTreeSet<String>,
    pub client_request_token: Option<String>,
    /// Of a rollback: the execution whose source revisions, artifacts and variables it takes.
    #[serde(default)]
    pub rollback_target: Option<ExecutionId>,
    /// What it takes up again, and where.
    #[serde(default)]
    pub rerun: Option<Rerun>,
    /// As it left the engine when it ended: what a stage retry begins from.
    pub ended: Option<engine::Execution>,
}

/// An execution whose source revisions, artifacts and variables another one takes up again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerun {
    pub of: ExecutionId,
    /// Where it begins.
    pub stage: String,
    /// The one action that runs.
    pub action: Option<String>,
}

/// Why an execution was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionTrigger {
    /// A word of the API's TriggerType.
    pub kind: String,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceOverride {
    pub action: String,
    /// `COMMIT_ID`, `S3_OBJECT_VERSION_ID`, …
    pub kind: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactRevision {
    pub action: String,
    pub artifact: String,
    pub revision: Revision,
}

impl Execution {
    pub fn runs_one_action(&self) -> bool {
        self.rerun.as_ref().is_some_and(|rerun| rerun.action.is_some())
    }

    /// The execution whose artifacts and variables it takes where it has none of its own.
    pub fn predecessor(&self) -> Option<ExecutionId> {
        self.rollback_target.or_else(|| self.rerun.as_ref().map(|rerun| rerun.of))
    }

    pub const ID: &str = "id";
    pub const TOKEN: &str = "token";
    pub const SUCCEEDED: &str = "succeeded";

    pub fn of_pipeline(pipeline: Uuid) -> Key {
        Key::of(pipeline.to_string())
    }

    pub fn with_id(pipeline: Uuid, id: ExecutionId) -> Key {
        Self::of_pipeline(pipeline).and(id.to_string())
    }

    pub fn with_token(pipeline: Uuid, token: &str) -> Key {
        Self::of_pipeline(pipeline).and(token)
    }

    /// Index prefix of those that succeeded in a stage, in the order of their start.
    pub fn succeeded_in(pipeline: Uuid, version: u32, stage: &str) -> Key {
        Self::of_pipeline(pipeline).and_u64(version.into()).and(stage)
    }
}

impl Record for Execution {
    const KIND: &'static str = "codepipeline/execution";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::of_pipeline(self.pipeline).and_u64(self.ordinal)
    }

    fn indexes(&self) -> Vec<Index> {
        let mut indexes = vec![Index::new(Self::ID, Self::with_id(self.pipeline, self.id))];
        if let Some(token) = &self.client_request_token {
            indexes.push(Index::new(Self::TOKEN, Self::with_token(self.pipeline, token)));
        }
        indexes.extend(self.succeeded_stages.iter().map(|stage| {
            let key = Self::succeeded_in(self.pipeline, self.version, stage).and_u64(self.ordinal);
            Index::new(Self::SUCCEEDED, key)
        }));
        indexes
    }
}

/// One attempt at one action. Key: pipeline, number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionExecution {
    pub pipeline: Uuid,
    /// Action executions of a pipeline in the order of their start.
    pub number: u64,
    pub id: ActionExecutionId,
    pub execution: ExecutionId,
    /// Version of the definition.
    pub version: u32,
    pub stage: String,
    pub action: String,
    pub status: ActionStatus,
    pub started_at: Timestamp,
    pub updated_at: Timestamp,
    /// ARN of who decided an approval, or stopped the execution.
    pub updated_by: Option<String>,
    /// Set for manual approvals.
    pub token: Option<ApprovalToken>,
    /// A worker does it.
    #[serde(default)]
    pub by_worker: bool,
    pub resolved_configuration: BTreeMap<String, String>,
    /// Of a compute action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Commands>,
    pub inputs: Vec<Artifact>,
    /// Where those inputs lie that are copied into the store of the action's region before it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Artifact>,
    /// The keys are chosen before the action starts.
    pub outputs: Vec<Artifact>,
    /// When they were given up for deletion, as the pipeline's artifact retention says.
    #[serde(default)]
    pub outputs_removed_at: Option<Timestamp>,
    pub report: Report,
    pub error: Option<ErrorDetails>,
}

impl ActionExecution {
    pub const ID: &str = "id";
    pub const EXECUTION: &str = "execution";
    pub const ACTION: &str = "action";
    pub const TOKEN: &str = "token";
    pub const EXTERNAL: &str = "external";

    pub fn of_pipeline(pipeline: Uuid) -> Key {
        Key::of(pipeline.to_string())
    }

    pub fn with_id(pipeline: Uuid, id: ActionExecutionId) -> Key {
        Self::of_pipeline(pipeline).and(id.to_string())
    }

    /// Index prefix of those of one execution, in the order of their start.
    pub fn of_execution(pipeline: Uuid, execution: ExecutionId) -> Key {
        Self::of_pipeline(pipeline).and(execution.to_string())
    }

    /// Index prefix of the attempts at one action in one execution, in the order of their start.
    pub fn of_action(pipeline: Uuid, execution: ExecutionId, stage: &str, action: &str) -> Key {
        Self::of_execution(pipeline, execution).and(stage).and(action)
    }

    pub fn with_token(pipeline: Uuid, token: ApprovalToken) -> Key {
        Self::of_pipeline(pipeline).and(token.to_string())
    }

    /// Index key of those in progress whose work was given this name elsewhere. Not of workers', who call it as they like.
    pub fn with_external_id(external_execution_id: &str) -> Key {
        Key::of(external_execution_id)
    }
}

impl Record for ActionExecution {
    const KIND: &'static str = "codepipeline/action-execution";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::of_pipeline(self.pipeline).and_u64(self.number)
    }

    fn indexes(&self) -> Vec<Index> {
        let execution = Self::of_execution(self.pipeline, self.execution).and_u64(self.number);
        let action =
            Self::of_action(self.pipeline, self.execution, &self.stage, &self.action).and_u64(self.number);
        let mut indexes = vec![
            Index::new(Self::ID, Self::with_id(self.pipeline, self.id)),
            Index::new(Self::EXECUTION, execution),
            Index::new(Self::ACTION, action),
        ];
        if let Some(token) = self.token {
            indexes.push(Index::new(Self::TOKEN, Self::with_token(self.pipeline, token)));
        }
        if let (ActionStatus::InProgress, false, Some(id)) =
            (self.status, self.by_worker, &self.report.external_execution_id)
        {
            indexes.push(Index::new(Self::EXTERNAL, Self::with_external_id(id)));
        }
        indexes
    }
}

/// One evaluation of one rule of a stage's condition. Key: pipeline, number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleExecution {
    pub pipeline: Uuid,
    /// Rule executions of a pipeline in the order of their start.
    pub number: u64,
    pub id: RuleExecutionId,
    pub execution: ExecutionId,
    /// Version of the definition.
    pub version: u32,
    pub stage: String,
    pub condition: ConditionType,
    pub rule: String,
    pub status: RuleStatus,
    pub started_at: Timestamp,
    pub updated_at: Timestamp,
    /// ARN of who overrode the condition, or stopped the execution.
    pub updated_by: Option<String>,
    pub resolved_configuration: BTreeMap<String, String>,
    /// Of a rule that runs commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Commands>,
    pub inputs: Vec<Artifact>,
    /// As those of an action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Artifact>,
    pub report: Report,
    pub error: Option<ErrorDetails>,
    /// When its provider wants to look again, milliseconds since 1970.
    pub look_at: Option<i64>,
}

impl RuleExecution {
    pub const ID: &str = "id";
    pub const EXECUTION: &str = "execution";
    pub const RULE: &str = "rule";
    pub const EXTERNAL: &str = "external";

    pub fn of_pipeline(pipeline: Uuid) -> Key {
        Key::of(pipeline.to_string())
    }

    pub fn with_id(pipeline: Uuid, id: RuleExecutionId) -> Key {
        Self::of_pipeline(pipeline).and(id.to_string())
    }

    /// Index prefix of those of one execution, in the order of their start.
    pub fn of_execution(pipeline: Uuid, execution: ExecutionId) -> Key {
        Self::of_pipeline(pipeline).and(execution.to_string())
    }

    /// Index prefix of the evaluations of this rule in its execution, in the order of their start.
    pub fn of_rule(&self) -> Key {
        let condition = match self.condition {
            ConditionType::BeforeEntry => "before-entry",
            ConditionType::OnSuccess => "on-success",
            ConditionType::OnFailure => "on-failure",
        };
        Self::of_execution(self.pipeline, self.execution)
            .and(self.stage.as_str())
            .and(condition)
            .and(self.rule.as_str())
    }

    /// Index key of those in progress whose work goes by this name elsewhere.
    pub fn with_external_id(external_execution_id: &str) -> Key {
        Key::of(external_execution_id)
    }
}

impl Record for RuleExecution {
    const KIND: &'static str = "codepipeline/rule-execution";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::of_pipeline(self.pipeline).and_u64(self.number)
    }

    fn indexes(&self) -> Vec<Index> {
        let execution = Self::of_execution(self.pipeline, self.execution).and_u64(self.number);
        let mut indexes = vec![
            Index::new(Self::ID, Self::with_id(self.pipeline, self.id)),
            Index::new(Self::EXECUTION, execution),
            Index::new(Self::RULE, self.of_rule().and_u64(self.number)),
        ];
        if let (RuleStatus::InProgress, Some(id)) = (self.status, &self.report.external_execution_id) {
            indexes.push(Index::new(Self::EXTERNAL, Self::with_external_id(id)));
        }
        indexes
    }
}

/// The last event of a topic whose consequences were committed. One record: several nodes that follow the stream, or one that
/// begins anew before its last transaction has ended, must not each take in the same event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenIn {
    #[serde(default = "TakenIn::first_topic")]
    pub topic: String,
    /// Its number in the outbox topic.
    pub seq: u64,
}

impl TakenIn {
    pub fn key_of(topic: &str) -> Key {
        Key::of(topic)
    }

    /// Of records that were written when there was one topic.
    fn first_topic() -> String {
        aws::event::TOPIC.to_owned()
    }
}

impl Record for TakenIn {
    const KIND: &'static str = "codepipeline/taken-in";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.topic)
    }
}
