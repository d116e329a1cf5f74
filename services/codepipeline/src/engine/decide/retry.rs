//! A failed or stopped stage is run again, as a whole or where it failed.

use std::sync::Arc;

use crate::engine::command::ExecutionState;
use crate::engine::event::{Ended, RetryMode};
use crate::engine::flow::Step;
use crate::engine::ids::ExecutionId;
use crate::engine::plan::{ConditionType, Plan};
use crate::engine::refusal::Refusal;
use crate::engine::state::{Execution, ExecutionMode, ExecutionStatus, Position, RetryTrigger, StageStatus};

impl Step<'_> {
    pub(super) fn stage_retry_requested(
        &mut self,
        id: ExecutionId,
        stage: &str,
        mode: RetryMode,
        ended: Option<&Ended>,
    ) -> Result<(), Refusal> {
        let (mut execution, plan) = self.recall(id, ended)?;
        self.check_latest(&execution, &plan, stage)?;
        if Some(execution.position.stage()) != plan.stage_index(stage) {
            return Err(not_retryable(stage, "the execution is not in it"));
        }
        self.pin_retried(&mut execution, &plan, stage)?;
        reopen(&mut execution, stage, mode, self.at)?;
        if execution.status.has_ended() && !self.has_room(execution.mode) {
            return Err(Refusal::ConcurrentExecutionsLimit);
        }
        // Nothing is refused from here on.
        self.bring_back(&mut execution, plan);
        self.resume(&mut execution);
        self.put(execution);
        Ok(())
    }

    /// A copy of an execution, in progress or ended, and the definition that it runs on.
    pub(super) fn recall(
        &self,
        id: ExecutionId,
        ended: Option<&Ended>,
    ) -> Result<(Execution, Arc<Plan>), Refusal> {
        match (self.state.executions.get(&id), ended) {
            (Some(live), _) => Ok((live.clone(), self.plan_of(live))),
            (None, Some(ended)) if ended.execution.id == id => {
                Ok((Execution::clone(&ended.execution), ended.plan.clone()))
            }
            (None, _) => Err(Refusal::ExecutionNotInProgress(id)),
        }
    }

    /// Puts an execution back to work in the stage where it ended.
    pub(super) fn bring_back(&mut self, execution: &mut Execution, plan: Arc<Plan>) {
        self.state.plans.entry(execution.version).or_insert(plan);
        execution.status = ExecutionStatus::InProgress;
        execution.stop = None;
        // One that was stopped while an update was about to cancel it goes on like any other.
        execution.cancelling = false;
        execution.attempt += 1;
        self.announce_execution(execution, ExecutionState::Resumed);
        self.occupy(execution);
        self.set_stage_status(execution, StageStatus::InProgress);
    }

    /// Once a later execution has entered the stage, an earlier one may not come back to it.
    pub(super) fn check_latest(
        &self,
        execution: &Execution,
        plan: &Plan,
        stage: &str,
    ) -> Result<(), Refusal> {
        if plan.stage_index(stage).is_none() {
            return Err(Refusal::StageNotFound(stage.to_owned()));
        }
        if execution.mode == ExecutionMode::Parallel {
            return Ok(());
        }
        let current = self.state.plan().ok_or(Refusal::DefinitionMissing(self.state.version))?;
        let changed = current.mode == ExecutionMode::Parallel || current.stage_index(stage).is_none();
        if changed && (execution.status.has_ended() || execution.cancelling) {
            return Err(not_retryable(stage, "the pipeline has changed since"));
        }
        match self.state.stages.get(stage).and_then(|stage| stage.latest.as_ref()) {
            Some(latest) if latest.execution == execution.id => Ok(()),
            Some(latest) if latest.ordinal > execution.ordinal => Err(Refusal::NotLatestExecution),
            Some(_) | None => Err(not_retryable(stage, "the execution has not entered it")),
        }
    }

    /// An execution that ended goes on with the definition of today, which must have left the retried stage as it was.
    /// PARALLEL executions keep their own, and so do those that an update has let go on.
    pub(super) fn pin_retried(
        &self,
        execution: &mut Execution,
        plan: &Arc<Plan>,
        stage: &str,
    ) -> Result<(), Refusal> {
        if execution.mode == ExecutionMode::Parallel || execution.version == self.state.version {
            return Ok(());
        }
        if !execution.status.has_ended() && !execution.cancelling {
            return Ok(());
        }
        let changed = || not_retryable(stage, "the structure of the stage has changed since");
        // The artifacts that a rollback takes were made by the definition that it began with.
        if execution.rollback.is_some() {
            return Err(changed());
        }
        let current = self.state.plan().ok_or(Refusal::DefinitionMissing(self.state.version))?;
        let index = current.stage_index(stage).ok_or_else(changed)?;
        let before = plan.stage_index(stage).and_then(|index| plan.stages.get(index));
        if before != current.stages.get(index) || !execution.status.has_ended() {
            return Err(changed());
        }
        if let Position::Inside(run) = &mut execution.position {
            run.stage = index;
        }
        execution.version = self.state.version;
        execution.mode = current.mode;
        Ok(())
    }
}

impl Execution {
    fn can_be_retried(&self) -> bool {
        match self.status {
            ExecutionStatus::Failed | ExecutionStatus::Stopped => true,
            ExecutionStatus::InProgress => !self.cancelling,
            ExecutionStatus::Stopping
            | ExecutionStatus::Succeeded
            | ExecutionStatus::Superseded
            | ExecutionStatus::Cancelled => false,
        }
    }
}

/// Makes room in the stage run for new attempts.
fn reopen(execution: &mut Execution, stage: &str, mode: RetryMode, at: i64) -> Result<(), Refusal> {
    if !execution.can_be_retried() {
        return Err(not_retryable(stage, "the execution is in no state to be retried"));
    }
    let Position::Inside(run) = &mut execution.position else {
        return Err(not_retryable(stage, "the execution waits in front of it"));
    };
    if run.evaluating().is_some() {
        return Err(not_retryable(stage, "a condition of it is being evaluated"));
    }
    let ended = execution.status.has_ended();
    match mode {
        RetryMode::AllActions if !ended => return Err(not_retryable(stage, "actions are in progress")),
        RetryMode::AllActions => run.actions.fill(None),
        RetryMode::FailedActions => {
            // A stopped run may also have actions that never started; one in progress has those anyway.
            let mut slots = run.actions.iter().enumerate();
            let never_ran = ended && slots.any(|(index, slot)| run.wants(index) && slot.is_none());
            let kept = run.is_kept_by(ConditionType::OnSuccess);
            if !run.has_failure() && !never_ran && !kept {
                return Err(not_retryable(stage, "no action in it has failed"));
            }
            run.clear_failed();
        }
    }
    run.forget_exit();
    run.retries.manual += 1;
    run.retries.latest = Some(RetryTrigger::Manual);
    run.retried_at = Some(at);
    run.status = StageStatus::InProgress;
    Ok(())
}

fn not_retryable(stage: &str, why: &'static str) -> Refusal {
    Refusal::StageNotRetryable { stage: stage.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::engine::ExecutionMode::{Parallel, Queued, Superseded};
    use crate::engine::RetryMode::{AllActions, FailedActions};
    use crate::engine::story::Story;
    use crate::engine::{ExecutionMode, Refusal};

    fn failed_in_build(mode: ExecutionMode) -> Story {
        let mut story = Story::new(mode, "Source: App | Build: Lint, Test, Pack@2 | Deploy: Ship");
        story.start("e1").succeed("e1", "App").succeed("e1", "Lint").fail("e1", "Test").forget();
        story
    }

    fn why(story: &Story, name: &str, stage: &str) -> &'static str {
        match story.clone().try_retry(name, stage, FailedActions) {
            Err(Refusal::StageNotRetryable { why, .. }) => why,
            other => panic!("not refused as not retryable: {other:?}"),
        }
    }

    #[test]
    fn failed_actions_run_again_and_the_execution_goes_on() {
        let mut story = failed_in_build(Superseded);
        story.retry("e1", "Build", FailedActions);
        story.check(expect![[r#"
            e1 RESUMED (attempt 2)
            e1 Build RESUMED (attempt 2)
            start e1 Build/Test
            e1 Build/Test STARTED (attempt 2)
        "#]]);
        story.succeed("e1", "Test").succeed("e1", "Pack");
        assert_eq!(story.running("e1"), ["Ship"]);
    }

    #[test]
    fn all_actions_start_over() {
        let mut story = failed_in_build(Queued);
        story.retry("e1", "Build", AllActions);
        assert_eq!(story.running("e1"), ["Lint", "Test"]);
    }

    #[test]
    fn a_failed_action_can_be_retried_while_its_siblings_run() {
        let mut story = Story::new(Superseded, "Source: App | Build: Lint, Test");
        story.start("e1").succeed("e1", "App").fail("e1", "Lint").forget();
        assert!(story.clone().try_retry("e1", "Build", AllActions).is_err());
        story.retry("e1", "Build", FailedActions);
        assert_eq!(story.running("e1"), ["Lint", "Test"]);
        assert_eq!(why(&story, "e1", "Build"), "no action in it has failed");
    }

    #[test]
    fn a_stopped_stage_can_be_retried() {
        let mut story = Story::new(Superseded, "Source: App | Build: Lint, Pack@2");
        story.start("e1").succeed("e1", "App").abandon("e1");
        story.retry("e1", "Build", FailedActions);
        assert_eq!(story.running("e1"), ["Lint"]);
    }

    #[test]
    fn one_that_was_stopped_while_an_update_cancelled_it_goes_on_with_the_new_definition() {
        let mut story = Story::new(Superseded, "Source: App | Build: Lint");
        story.start("e1").succeed("e1", "App");
        story.update(Superseded, "Source: App | Build: Lint | Deploy: Ship").abandon("e1");
        story.retry("e1", "Build", FailedActions).succeed("e1", "Lint");
        assert_eq!(story.running("e1"), ["Ship"]);
    }

    #[test]
    fn one_that_was_about_to_be_cancelled_when_it_was_stopped_goes_on() {
        let mut story = Story::new(Superseded, "Source: App | Build: Lint");
        story.start("e1").succeed("e1", "App").update(Superseded, "Source: App | Build: Lint").abandon("e1");
        story.retry("e1", "Build", FailedActions);
        assert_eq!(story.running("e1"), ["Lint"]);
    }

    #[test]
    fn not_once_a_later_execution_has_entered_the_stage() {
        let mut story = failed_in_build(Superseded);
        story.start("e2").succeed("e2", "App");
        let refused = story.clone().try_retry("e1", "Build", FailedActions);
        assert_eq!(refused, Err(Refusal::NotLatestExecution));
    }

    #[test]
    fn parallel_executions_can_always_be_retried() {
        let mut story = failed_in_build(Parallel);
        story.start("e2").succeed("e2", "App").forget();
        story.retry("e1", "Build", FailedActions);
        assert_eq!(story.running("e1"), ["Test"]);
    }

    #[test]
    fn only_the_stage_where_it_failed() {
        let story = failed_in_build(Superseded);
        assert_eq!(why(&story, "e1", "Source"), "the execution is not in it");
        assert_eq!(why(&story, "e1", "Deploy"), "the execution has not entered it");
    }

    #[test]
    fn an_updated_definition_is_taken_over_if_it_leaves_the_stage_alone() {
        let mut story = failed_in_build(Superseded);
        story.update(Superseded, "Source: App | Extra: X | Build: Lint, Test, Pack@2 | Deploy: Ship, Tell@2");
        story.retry("e1", "Build", FailedActions).succeed("e1", "Test").succeed("e1", "Pack");
        story.succeed("e1", "Ship");
        assert_eq!(story.running("e1"), ["Tell"]);

        let mut story = failed_in_build(Superseded);
        story.update(Superseded, "Source: App | Build: Lint, Test | Deploy: Ship");
        assert_eq!(why(&story, "e1", "Build"), "the structure of the stage has changed since");
    }
}
