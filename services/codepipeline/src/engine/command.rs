//! What the engine asks the world to do. Each command may be carried out twice.

use super::condition::RuleStatus;
use super::ids::{ActionExecutionId, ApprovalToken, ExecutionId, Name, RuleExecutionId};
use super::plan::ConditionType;
use super::state::Execution;

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Let the provider begin; the action execution id is its client token. The stage and action are those of the
    /// definition with this version.
    StartAction {
        execution: ExecutionId,
        version: u32,
        stage: Name,
        action: Name,
        id: ActionExecutionId,
        /// Set for manual approvals.
        token: Option<ApprovalToken>,
    },
    /// The action's time is over: let the provider end what it still does for it.
    StopAction {
        execution: ExecutionId,
        id: ActionExecutionId,
    },
    /// Give `Event::TimerFired` at this time, milliseconds since 1970.
    SetTimer {
        execution: ExecutionId,
        id: ActionExecutionId,
        at: i64,
    },
    CancelTimer {
        id: ActionExecutionId,
    },
    /// Let the provider of a rule begin, and give `Event::RuleTimedOut` at `deadline`, milliseconds since 1970.
    StartRule {
        execution: ExecutionId,
        version: u32,
        stage: Name,
        condition: ConditionType,
        rule: Name,
        id: RuleExecutionId,
        deadline: i64,
    },
    /// The rule ended: record it, and forget its deadline.
    EndRule {
        execution: ExecutionId,
        id: RuleExecutionId,
        status: RuleStatus,
    },
    /// Nobody waits for the rule any more: let the provider end what it still does for it.
    StopRule {
        execution: ExecutionId,
        id: RuleExecutionId,
    },
    /// Something changed its state: record it and tell those who listen.
    Announce(Change),
    /// The execution ended and left the engine's state. Keep it: a stage retry hands it back.
    Keep(Box<Execution>),
}

/// A change of state, as it goes to the event stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub execution: ExecutionId,
    /// 1, and one more with each stage retry of the execution.
    pub attempt: u32,
    pub subject: Subject,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Execution {
        state: ExecutionState,
    },
    Stage {
        stage: Name,
        state: StageState,
        /// When the stage run began, milliseconds since 1970.
        since: i64,
        /// When the stage was last retried, milliseconds since 1970.
        retried_at: Option<i64>,
    },
    Action {
        stage: Name,
        action: Name,
        id: ActionExecutionId,
        state: ActionState,
        retried_at: Option<i64>,
    },
}

macro_rules! event_states {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($variant),+ }

        impl $name {
            /// The word in `detail.state` of the EventBridge event.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

event_states!(
    /// States in "CodePipeline Pipeline Execution State Change".
    ExecutionState {
        Started = "STARTED", Succeeded = "SUCCEEDED", Failed = "FAILED", Canceled = "CANCELED", Resumed = "RESUMED",
        Stopping = "STOPPING", Stopped = "STOPPED", Superseded = "SUPERSEDED",
    }
);
event_states!(
    /// States in "CodePipeline Stage Execution State Change".
    StageState {
        Started = "STARTED", Succeeded = "SUCCEEDED", Failed = "FAILED", Canceled = "CANCELED", Resumed = "RESUMED",
        Stopping = "STOPPING", Stopped = "STOPPED", Skipped = "SKIPPED",
    }
);
event_states!(
    /// States in "CodePipeline Action Execution State Change".
    ActionState { Started = "STARTED", Succeeded = "SUCCEEDED", Failed = "FAILED", Abandoned = "ABANDONED" }
);
