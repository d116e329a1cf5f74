//! What can happen to a pipeline.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::{ActionExecutionId, ApprovalToken, ExecutionId, RuleExecutionId};
use super::plan::{ConditionType, Plan};
use super::state::Execution;

/// When an event happened, and the seed of every id that follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970.
    pub at: i64,
    /// Fresh random bytes for each event: approval tokens are drawn from it.
    pub seed: [u8; 32],
}

/// One thing that happened. Each may arrive twice: the second time it is refused or changes nothing.
#[derive(Clone, Debug)]
pub enum Event {
    /// Somebody or something starts an execution, with an id that was never used before.
    Started {
        execution: ExecutionId,
    },
    /// A provider reports a sign of life. Refused when the action no longer runs.
    ActionProgressed {
        execution: ExecutionId,
        action: ActionExecutionId,
    },
    ActionSucceeded {
        execution: ExecutionId,
        action: ActionExecutionId,
    },
    ActionFailed {
        execution: ExecutionId,
        action: ActionExecutionId,
    },
    /// The time set by `Command::SetTimer` has come.
    TimerFired {
        execution: ExecutionId,
        action: ActionExecutionId,
    },
    /// A person decides a manual approval.
    ApprovalAnswered {
        execution: ExecutionId,
        action: ActionExecutionId,
        token: ApprovalToken,
        approved: bool,
    },
    /// `abandon`: do not wait for the actions in progress.
    StopRequested {
        execution: ExecutionId,
        abandon: bool,
        reason: Option<String>,
    },
    TransitionDisabled {
        stage: String,
        transition: TransitionType,
        reason: String,
        by: String,
    },
    TransitionEnabled {
        stage: String,
        transition: TransitionType,
        by: String,
    },
    /// `ended`: the execution as it was when it ended, if it is no longer in progress.
    StageRetryRequested {
        execution: ExecutionId,
        stage: String,
        mode: RetryMode,
        ended: Option<Ended>,
    },
    /// Somebody wants a stage to be as an earlier execution left it. `execution`: the new one that does it, with an id
    /// that was never used before.
    RollbackRequested {
        execution: ExecutionId,
        stage: String,
        target: RollbackTarget,
    },
    /// Somebody wants what an earlier execution did done again, from a stage on or of one action of it alone.
    /// `execution`: the new one that does it, with an id that was never used before; `ended` as in a stage retry.
    RerunRequested {
        execution: ExecutionId,
        of: ExecutionId,
        stage: String,
        action: Option<String>,
        ended: Option<Ended>,
    },
    /// A provider reports that it is still at a rule. Refused when the rule is no longer evaluated.
    RuleProgressed {
        execution: ExecutionId,
        rule: RuleExecutionId,
    },
    RuleEnded {
        execution: ExecutionId,
        rule: RuleExecutionId,
        verdict: Verdict,
    },
    /// The time given with `Command::StartRule` has come.
    RuleTimedOut {
        execution: ExecutionId,
        rule: RuleExecutionId,
    },
    /// Somebody lets an execution pass a condition that keeps it. `ended` as in a stage retry.
    ConditionOverridden {
        execution: ExecutionId,
        stage: String,
        condition: ConditionType,
        ended: Option<Ended>,
    },
    /// The definition was replaced. Refused unless its version is the next one. `pin`: executions in progress go on
    /// with the definition that they began with; else they are cancelled.
    Updated {
        plan: Arc<Plan>,
        pin: bool,
    },
}

/// An execution that left the engine's state when it ended, with the definition that it ran on.
#[derive(Clone, Debug)]
pub struct Ended {
    pub execution: Box<Execution>,
    pub plan: Arc<Plan>,
}

/// What came of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed,
    /// It could not be evaluated.
    Errored,
}

/// What is known of the execution that a stage is rolled back to: it may have ended long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollbackTarget {
    pub execution: ExecutionId,
    /// Version of the definition that it ran on.
    pub version: u32,
    pub is_rollback: bool,
    /// Whether it succeeded in the stage on that version.
    pub succeeded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetryMode {
    /// Only the actions that failed, were abandoned or never ran.
    FailedActions,
    /// Every action of the stage, from the first run order on.
    AllActions,
}

/// Which gate of a stage is meant: the one in front of it, or the one in front of the next stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionType {
    Inbound,
    Outbound,
}
