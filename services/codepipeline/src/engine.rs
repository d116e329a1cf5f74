//! The pure core: `Pipeline::decide(moment, event) -> commands`.
//!
//! Everything that CodePipeline promises about order lives here: who holds a stage, who waits in front of it, who is
//! superseded, which actions start next, what a stop, a retry, a changed definition or a timer does. The core has no
//! clock, no I/O and no randomness: the [`Moment`] of an event carries its time and the seed of all ids that follow
//! from it, so the same state and event always give the same result.
//!
//! What an action *does* (artifacts, configuration, external ids) is not known here; the driver keeps it in records.
//!
//! Invariants, checked after each step by the tests in `properties.rs` and `simulation.rs`; `promises.rs` spells them out:
//! - a refused event leaves the state as it was;
//! - a stage is held by at most one execution (SUPERSEDED and QUEUED);
//! - nobody passes a disabled transition, a stage that did not succeed or was not skipped, or a condition that is not met;
//! - a rollback goes back to an execution that succeeded in its stage on the same definition, and is none itself;
//! - an action starts only when every action of lower run order in its stage run has succeeded;
//! - an execution that ended never changes, unless a stage retry brings it back;
//! - an execution that takes up the work of another one in the middle begins where that has been, and no newer one that
//!   waits gives way to it;
//! - with pinned executions all of this holds across the definitions that are in use;
//! - a later execution is never overtaken by an earlier one (SUPERSEDED and QUEUED);
//! - every execution in progress runs an action or a rule, or waits for a stage or a transition that can be named.

mod command;
mod condition;
mod decide;
mod event;
mod failure;
mod flow;
mod ids;
mod plan;
mod refusal;
mod state;

#[cfg(test)]
mod promises;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod story;
#[cfg(test)]
mod world;

pub use command::{ActionState, Change, Command, ExecutionState, StageState, Subject};
pub use condition::{ConditionRun, ConditionStatus, RuleRun, RuleStatus};
pub use event::{Ended, Event, Moment, RetryMode, RollbackTarget, TransitionType, Verdict};
pub use ids::{ActionExecutionId, ApprovalToken, ExecutionId, Name, RuleExecutionId};
pub use plan::{
    ActionPlan, ConditionPlan, ConditionResult, ConditionType, OnFailure, Plan, RulePlan, StagePlan,
};
pub use refusal::Refusal;
pub use state::{
    ActionRun, ActionStatus, Execution, ExecutionMode, ExecutionStatus, LatestRun, Pipeline, Position, Rerun,
    Retries, RetryTrigger, Rollback, Stage, StageRun, StageStatus, StopRequest, Success, Transition,
};

/// QUEUED and PARALLEL pipelines: executions in progress at one time. Source: CodePipeline quotas.
pub const CONCURRENT_EXECUTIONS: usize = 50;
/// SUPERSEDED pipelines: no definition has more than 50 stages, each with one inside and one in front of it; this is
/// twice as many, for those that were pinned to earlier definitions.
pub const SUPERSEDED_EXECUTIONS: usize = 200;
/// PARALLEL pipelines: actions of one execution in progress at one time. Source: CodePipeline quotas.
pub const CONCURRENT_ACTIONS: usize = 5;
