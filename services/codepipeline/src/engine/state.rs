//! The live aggregate of one pipeline: what is decided upon, and nothing that is only shown.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::condition::ConditionRun;
use super::ids::{ActionExecutionId, ApprovalToken, ExecutionId, Name};
use super::plan::{ConditionType, Plan, StagePlan};

/// How executions of one pipeline share its stages. Source: CodePipeline User Guide, "Set or change the pipeline
/// execution mode".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExecutionMode {
    /// One execution per stage; at most one waits in front of it, a later arrival takes its place.
    #[default]
    Superseded,
    /// One execution per stage; the others wait in their order.
    Queued,
    /// Executions do not know of each other.
    Parallel,
}

/// A pipeline with its executions in progress. Executions that ended are not here: its size does not grow with history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Version of the definition that new executions run on.
    pub version: u32,
    /// Definitions by version: the current one and those that executions in progress run on. Not stored with the
    /// state (they never change and have records of their own): whoever loads a state puts them back.
    #[serde(skip)]
    pub plans: BTreeMap<u32, Arc<Plan>>,
    /// By stage name: an update keeps the gate and the history of stages whose name stays. Holds all stages of the
    /// current definition, and removed ones only while something still holds or awaits them.
    pub stages: BTreeMap<Name, Stage>,
    /// Executions in progress.
    pub executions: BTreeMap<ExecutionId, Execution>,
    /// Ordinal of the execution that was started last.
    pub last_ordinal: u64,
}

impl Pipeline {
    pub fn new(plan: Arc<Plan>) -> Self {
        let stages = plan.stages.iter().map(|stage| (stage.name.clone(), Stage::default())).collect();
        let version = plan.version;
        Self {
            version,
            plans: BTreeMap::from([(version, plan)]),
            stages,
            executions: BTreeMap::new(),
            last_ordinal: 0,
        }
    }

    /// The definition that new executions run on; none if the loader of the state forgot to put it back.
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.plans.get(&self.version)
    }

    /// An execution in progress that was started before `execution`, runs on another definition, and has the stage still
    /// ahead of it.
    pub fn earlier_on_other_definition(&self, execution: &Execution, stage: &str) -> Option<ExecutionId> {
        let ahead = |other: &&Execution| {
            let comes = other.ordinal < execution.ordinal
                && other.version != execution.version
                && other.mode != ExecutionMode::Parallel
                && !other.cancelling
                && other.stop.is_none()
                && !other.ends_here();
            comes
                && self.plans.get(&other.version).and_then(|plan| plan.stage_index(stage)).is_some_and(
                    |index| match &other.position {
                        Position::Inbound { stage, .. } => *stage <= index,
                        Position::Inside(run) => run.stage < index,
                    },
                )
        };
        self.executions.values().find(ahead).map(|other| other.id)
    }

    /// Versions that must be in `plans`.
    pub fn versions_in_use(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.version).chain(self.executions.values().map(|execution| execution.version))
    }
}

/// A stage as executions meet it: a gate with those who wait, a lock, and what happened here last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    pub transition: Transition,
    /// The execution that is inside (SUPERSEDED and QUEUED).
    pub holder: Option<ExecutionId>,
    /// Those who wait for the lock or the transition, in the order of their arrival.
    pub inbound: VecDeque<ExecutionId>,
    /// The execution that entered last (SUPERSEDED and QUEUED).
    pub latest: Option<LatestRun>,
    /// The execution that succeeded here last (SUPERSEDED and QUEUED): what an automatic rollback goes back to.
    #[serde(default)]
    pub last_success: Option<Success>,
    /// By action name: its last attempt here, which may belong to an execution before the latest.
    pub actions: BTreeMap<Name, ActionExecutionId>,
}

/// An execution that succeeded in a stage and is no rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Success {
    pub execution: ExecutionId,
    /// Version of the definition that it ran on.
    pub version: u32,
}

/// The gate in front of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    pub enabled: bool,
    pub disabled_reason: Option<String>,
    pub last_changed_by: Option<String>,
    /// Milliseconds since 1970.
    pub last_changed_at: Option<i64>,
}

impl Default for Transition {
    fn default() -> Self {
        Self { enabled: true, disabled_reason: None, last_changed_by: None, last_changed_at: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestRun {
    pub execution: ExecutionId,
    pub ordinal: u64,
    pub status: StageStatus,
    #[serde(default)]
    pub is_rollback: bool,
    #[serde(flatten)]
    pub retries: Retries,
    /// Conditions that were evaluated in this run.
    #[serde(default)]
    pub conditions: BTreeMap<ConditionType, ConditionRun>,
}

/// How often a stage run was retried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    /// How often somebody retried it.
    #[serde(rename = "manual_retries")]
    pub manual: u32,
    /// How often it retried itself.
    #[serde(rename = "automatic_retries", default)]
    pub automatic: u32,
    #[serde(rename = "latest_retry", default)]
    pub latest: Option<RetryTrigger>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetryTrigger {
    Manual,
    Automatic,
}

/// One execution in progress, or as it was when it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    pub id: ExecutionId,
    /// Executions of a pipeline in the order of their start.
    pub ordinal: u64,
    /// Version of the definition that it runs on.
    pub version: u32,
    pub mode: ExecutionMode,
    pub status: ExecutionStatus,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// 1, and one more with each stage retry.
    pub attempt: u32,
    pub stop: Option<StopRequest>,
    /// The definition was replaced: what runs may finish, nothing new starts.
    pub cancelling: bool,
    /// It runs one stage alone, to undo what a later execution did there.
    #[serde(default)]
    pub rollback: Option<Rollback>,
    /// It takes up the work of an earlier one in the middle.
    #[serde(default)]
    pub rerun: Option<Rerun>,
    pub position: Position,
}

impl Execution {
    pub(super) fn new(id: ExecutionId, ordinal: u64, plan: &Plan, at: i64) -> Self {
        Self {
            id,
            ordinal,
            version: plan.version,
            mode: plan.mode,
            status: ExecutionStatus::InProgress,
            started_at: at,
            attempt: 1,
            stop: None,
            cancelling: false,
            rollback: None,
            rerun: None,
            position: Position::Inbound { stage: 0, since: at },
        }
    }

    /// How new its sources are: one that takes up the work of another is as old as that.
    pub(super) fn age(&self) -> (u64, u64) {
        (self.rerun.as_ref().map_or(self.ordinal, |rerun| rerun.age), self.ordinal)
    }

    /// Whether it runs nothing beyond the stage that it is in.
    pub fn ends_here(&self) -> bool {
        self.rollback.is_some() || self.runs_one_action()
    }

    pub fn runs_one_action(&self) -> bool {
        self.rerun.as_ref().is_some_and(|rerun| rerun.only.is_some())
    }
}

/// What an execution takes up again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerun {
    /// Whose sources, artifacts and variables it has.
    pub of: ExecutionId,
    /// Ordinal of the execution that took the sources in.
    pub age: u64,
    /// It runs this action alone.
    pub only: Option<Name>,
}

/// What a rollback goes back to, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    pub target: ExecutionId,
    /// The execution whose failure caused it; none: somebody asked for it.
    pub failed: Option<ExecutionId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRequest {
    pub abandon: bool,
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExecutionStatus {
    InProgress,
    Stopping,
    Stopped,
    Succeeded,
    Failed,
    Superseded,
    Cancelled,
}

impl ExecutionStatus {
    /// The word in API answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Superseded => "Superseded",
            Self::Cancelled => "Cancelled",
        }
    }

    pub fn has_ended(self) -> bool {
        match self {
            Self::InProgress | Self::Stopping => false,
            Self::Stopped | Self::Succeeded | Self::Failed | Self::Superseded | Self::Cancelled => true,
        }
    }
}

/// Where an execution is. Stages are indexes into the definition that it runs on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Position {
    /// In front of a stage, for its lock or its transition; since when, milliseconds since 1970.
    Inbound { stage: usize, since: i64 },
    /// Inside a stage, or where it ended.
    Inside(StageRun),
}

impl Position {
    pub fn stage(&self) -> usize {
        match self {
            Self::Inbound { stage, .. } => *stage,
            Self::Inside(run) => run.stage,
        }
    }
}

/// One execution's passage through one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRun {
    pub stage: usize,
    pub status: StageStatus,
    /// Milliseconds since 1970.
    pub since: i64,
    /// Last attempt at each action, in definition order; none for those that did not start yet.
    pub actions: Vec<Option<ActionRun>>,
    #[serde(flatten)]
    pub retries: Retries,
    /// Milliseconds since 1970.
    pub retried_at: Option<i64>,
    /// Conditions that were evaluated, or are being so.
    #[serde(default)]
    pub conditions: BTreeMap<ConditionType, ConditionRun>,
    /// The one action that runs; none: all of the stage.
    #[serde(default)]
    pub only: Option<usize>,
}

impl StageRun {
    pub(super) fn new(stage: usize, plan: &StagePlan, at: i64) -> Self {
        Self {
            stage,
            status: StageStatus::InProgress,
            since: at,
            actions: vec![None; plan.actions.len()],
            retries: Retries::default(),
            retried_at: None,
            conditions: BTreeMap::new(),
            only: None,
        }
    }

    /// Whether an action is to run at all.
    pub fn wants(&self, index: usize) -> bool {
        self.only.is_none_or(|only| only == index)
    }

    /// Attempts that have not ended.
    pub fn in_progress(&self) -> impl Iterator<Item = &ActionRun> {
        self.actions.iter().flatten().filter(|run| run.status == ActionStatus::InProgress)
    }

    pub fn all_succeeded(&self) -> bool {
        let succeeded =
            |slot: &Option<ActionRun>| matches!(slot, Some(run) if run.status == ActionStatus::Succeeded);
        self.actions.iter().enumerate().all(|(index, slot)| !self.wants(index) || succeeded(slot))
    }

    /// Whether some action ended other than well.
    pub fn has_failure(&self) -> bool {
        self.actions
            .iter()
            .flatten()
            .any(|run| matches!(run.status, ActionStatus::Failed | ActionStatus::Abandoned))
    }

    /// Makes room for new attempts at what did not succeed.
    pub(super) fn clear_failed(&mut self) {
        for slot in &mut self.actions {
            if matches!(slot, Some(action) if matches!(action.status, ActionStatus::Failed | ActionStatus::Abandoned))
            {
                *slot = None;
            }
        }
    }

    /// Index of an attempt that has not ended.
    pub(super) fn running(&self, id: ActionExecutionId) -> Option<usize> {
        self.actions.iter().position(
            |slot| matches!(slot, Some(run) if run.id == id && run.status == ActionStatus::InProgress),
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageStatus {
    InProgress,
    Succeeded,
    Failed,
    Stopping,
    Stopped,
    Cancelled,
    /// Its entry condition was not met, and said so.
    Skipped,
}

impl StageStatus {
    /// The word in API answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Cancelled => "Cancelled",
            Self::Skipped => "Skipped",
        }
    }
}

/// One attempt at one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRun {
    pub id: ActionExecutionId,
    pub status: ActionStatus,
    /// Set for manual approvals.
    pub token: Option<ApprovalToken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionStatus {
    InProgress,
    Succeeded,
    Failed,
    Abandoned,
}

impl ActionStatus {
    /// The word in API answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Abandoned => "Abandoned",
        }
    }
}
