//! The pure core: `Pipeline::decide(moment, event) -> commands`.
//!
//! Everything that CodePipeline promises about order lives here: who holds a stage, who waits in front of it, who is
//! superseded, which actions start next, what a stop, a retry, a changed definition or a timer does. The core has no
//! clock, no I/O and no randomness: the [`Moment`] of an event carries its time and the seed of all ids that follow
//! from it, so the same state and event always give the same result.
//!
//! What an action *does* (artifacts, configuration, external ids) is not known here; the driver keeps it in records.
//!
//! Invariants, checked after each step by the property tests in `properties.rs`:
//! - a refused event leaves the state as it was;
//! - a stage is held by at most one execution (SUPERSEDED and QUEUED);
//! - an action starts only when every action of lower run order in its stage run has succeeded;
//! - an execution that ended never changes, unless a stage retry brings it back;
//! - a later execution is never overtaken by an earlier one (SUPERSEDED and QUEUED);
//! - every execution in progress runs an action, or waits for a stage or a transition that can be named.

mod command;
mod decide;
mod event;
mod flow;
mod ids;
mod plan;
mod refusal;
mod state;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod story;

pub use command::{ActionState, Change, Command, ExecutionState, StageState, Subject};
pub use event::{Ended, Event, Moment, RetryMode, TransitionType};
pub use ids::{ActionExecutionId, ApprovalToken, ExecutionId, Name};
pub use plan::{ActionPlan, Plan, StagePlan};
pub use refusal::Refusal;
pub use state::{
    ActionRun, ActionStatus, Execution, ExecutionMode, ExecutionStatus, LatestRun, Pipeline, Position, Stage,
    StageRun, StageStatus, StopRequest, Transition,
};

/// QUEUED and PARALLEL pipelines: executions in progress at one time. Source: CodePipeline quotas.
pub const CONCURRENT_EXECUTIONS: usize = 50;
/// PARALLEL pipelines: actions of one execution in progress at one time. Source: CodePipeline quotas.
pub const CONCURRENT_ACTIONS: usize = 5;
