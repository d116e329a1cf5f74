//! Entries of the queues.

use aws::Scope;
use serde::{Deserialize, Serialize};
use store::WriteTx;
use uuid::Uuid;

use super::rules::RuleStep;
use crate::engine::{ActionExecutionId, ExecutionId};
use crate::jobs;
use crate::records::{ActionExecution, Pipeline};

/// Work for providers.
pub(super) const WORK: &str = "codepipeline/work";
/// Actions that run out of time.
pub(super) const TIMERS: &str = "codepipeline/timers";

/// What is to be done for one action execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) scope: Scope,
    pub(super) pipeline_name: String,
    pub(super) pipeline: Uuid,
    pub(super) execution: ExecutionId,
    pub(super) action: ActionExecutionId,
    pub(super) task: Task,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Task {
    Start,
    /// News of the provider's work; each has a number of its own, because an entry that is present swallows others of
    /// its name, also while it is being worked on and has looked already.
    Observe(u64),
    Stop,
    /// The same for work whose name was learnt late. An entry of its own: one of `Stop` may be present that has looked
    /// for the name already, and would swallow it.
    StopLate,
    TimeOut,
    /// A single job of the action has run out of time.
    JobTimeOut(jobs::Id),
}

impl Task {
    /// Whether it is for an action that has ended.
    pub(super) fn is_stop(self) -> bool {
        matches!(self, Self::Stop | Self::StopLate)
    }
}

/// An entry of either queue: of an action, or of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Entry {
    Action(Step),
    Rule(RuleStep),
}

impl Step {
    pub(super) fn new(
        pipeline: &Pipeline,
        execution: ExecutionId,
        action: ActionExecutionId,
        task: Task,
    ) -> Self {
        Self {
            scope: pipeline.scope.clone(),
            pipeline_name: pipeline.name.clone(),
            pipeline: pipeline.id,
            execution,
            action,
            task,
        }
    }

    pub(super) fn of(pipeline: &Pipeline, action: &ActionExecution, task: Task) -> Self {
        Self::new(pipeline, action.execution, action.id, task)
    }

    /// `not_before`: milliseconds since 1970.
    pub(super) fn enqueue(&self, tx: &mut WriteTx<'_>, not_before: Option<i64>) -> Result<(), store::Error> {
        let (queue, id) = match self.task {
            Task::Start => (WORK, format!("{}:start", self.action)),
            Task::Observe(number) => (WORK, format!("{}:observe:{number}", self.action)),
            Task::Stop => (WORK, format!("{}:stop", self.action)),
            Task::StopLate => (WORK, format!("{}:stop-late", self.action)),
            Task::TimeOut => (TIMERS, timer_id(self.action)),
            Task::JobTimeOut(job) => (TIMERS, job_timer_id(job)),
        };
        tx.enqueue(queue, &id, self, not_before).map(|_| ())
    }
}

pub(super) fn timer_id(action: ActionExecutionId) -> String {
    action.to_string()
}

pub(super) fn job_timer_id(job: jobs::Id) -> String {
    format!("job:{job}")
}
