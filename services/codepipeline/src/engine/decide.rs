//! One decision: an event comes in, the state changes, commands go out. One file per kind of event.

mod action;
mod approval;
mod condition;
mod rerun;
mod retry;
mod rollback;
mod rule;
mod start;
mod stop;
mod transition;
mod update;

use super::command::Command;
use super::event::{Event, Moment};
use super::flow::Step;
use super::refusal::Refusal;
use super::state::{Execution, Pipeline};

impl Pipeline {
    /// Applies an event. The commands are to be carried out in their order, after the state is durable.
    /// A refusal leaves the state as it was.
    pub fn decide(&mut self, moment: &Moment, event: &Event) -> Result<Vec<Command>, Refusal> {
        if let Some(version) = self.versions_in_use().find(|version| !self.plans.contains_key(version)) {
            return Err(Refusal::DefinitionMissing(version));
        }
        let mut step = Step::new(self, moment);
        match event {
            Event::Started { execution } => step.started(*execution)?,
            Event::ActionProgressed { execution, action } => step.action_progressed(*execution, *action)?,
            Event::ActionSucceeded { execution, action } => step.action_succeeded(*execution, *action)?,
            Event::ActionFailed { execution, action } => step.action_failed(*execution, *action)?,
            Event::TimerFired { execution, action } => step.timer_fired(*execution, *action)?,
            Event::ApprovalAnswered { execution, action, token, approved } => {
                step.approval_answered(*execution, *action, *token, *approved)?;
            }
            Event::StopRequested { execution, abandon, reason } => {
                step.stop_requested(*execution, *abandon, reason.clone())?;
            }
            Event::TransitionDisabled { stage, transition, reason, by } => {
                step.transition_disabled(stage, *transition, reason, by)?;
            }
            Event::TransitionEnabled { stage, transition, by } => {
                step.transition_enabled(stage, *transition, by)?;
            }
            Event::StageRetryRequested { execution, stage, mode, ended } => {
                step.stage_retry_requested(*execution, stage, *mode, ended.as_ref())?;
            }
            Event::RollbackRequested { execution, stage, target } => {
                step.rollback_requested(*execution, stage, target)?;
            }
            Event::RerunRequested { execution, of, stage, action, ended } => {
                step.rerun_requested(*execution, *of, stage, action.as_deref(), ended.as_ref())?;
            }
            Event::RuleProgressed { execution, rule } => step.rule_progressed(*execution, *rule)?,
            Event::RuleEnded { execution, rule, verdict } => step.rule_ended(*execution, *rule, *verdict)?,
            Event::RuleTimedOut { execution, rule } => step.rule_timed_out(*execution, *rule)?,
            Event::ConditionOverridden { execution, stage, condition, ended } => {
                step.condition_overridden(*execution, stage, *condition, ended.as_ref())?;
            }
            Event::Updated { plan, pin } => step.updated(plan, *pin)?,
        }
        step.admit_after_others();
        let commands = std::mem::take(&mut step.commands);
        self.forget_unused_plans();
        Ok(commands)
    }

    fn forget_unused_plans(&mut self) {
        if self.plans.len() > 1 {
            let used: std::collections::BTreeSet<u32> = self.versions_in_use().collect();
            self.plans.retain(|version, _| used.contains(version));
        }
    }
}

impl Step<'_> {
    /// An execution in progress, still in its place.
    fn live(&self, id: super::ExecutionId) -> Result<&Execution, Refusal> {
        self.state.executions.get(&id).ok_or(Refusal::ExecutionNotInProgress(id))
    }

    /// An execution in progress, taken out of the state: whoever takes it puts it back or ends it.
    fn take(&mut self, id: super::ExecutionId) -> Result<Execution, Refusal> {
        self.state.executions.remove(&id).ok_or(Refusal::ExecutionNotInProgress(id))
    }
}
