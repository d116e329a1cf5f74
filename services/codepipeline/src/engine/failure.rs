//! What a stage does by itself when actions of it have failed.

use super::command::ExecutionState;
use super::event::RetryMode;
use super::flow::Step;
use super::ids::{ExecutionId, Name};
use super::plan::{ConditionType, OnFailure, Plan};
use super::state::{Execution, ExecutionStatus, Position, RetryTrigger, Rollback, StageStatus};

impl Step<'_> {
    /// All actions of the stage have ended, one of them not well.
    pub(super) fn stage_failed(&mut self, mut execution: Execution) {
        if self.begin_condition(&mut execution, ConditionType::OnFailure) {
            return self.put(execution);
        }
        let plan = self.plan_of(&execution);
        let Position::Inside(run) = &execution.position else { return self.put(execution) };
        match plan.stages[run.stage].on_failure {
            // One attempt by itself per failure: after somebody retried it, it may try by itself again.
            OnFailure::Retry(mode) if run.retries.latest != Some(RetryTrigger::Automatic) => {
                self.retry_by_itself(execution, mode);
            }
            OnFailure::Fail | OnFailure::Retry(_) => {
                self.leave(execution, StageStatus::Failed, ExecutionStatus::Failed);
            }
            OnFailure::Rollback => self.fail_and_roll_back(execution),
        }
    }

    /// The execution keeps the stage meanwhile.
    fn retry_by_itself(&mut self, mut execution: Execution, mode: RetryMode) {
        self.set_stage_status(&mut execution, StageStatus::Failed);
        if let Position::Inside(run) = &mut execution.position {
            match mode {
                RetryMode::FailedActions => run.clear_failed(),
                RetryMode::AllActions => run.actions.fill(None),
            }
            run.forget_exit();
            run.retries.automatic += 1;
            run.retries.latest = Some(RetryTrigger::Automatic);
            run.retried_at = Some(self.at);
        }
        execution.attempt += 1;
        self.announce_execution(&execution, ExecutionState::Resumed);
        self.set_stage_status(&mut execution, StageStatus::InProgress);
        self.start_due(&mut execution);
        self.put(execution);
    }

    /// Whoever waits for the stage lets the rollback go first. Without an execution to go back to, the stage just fails;
    /// so it does when a rollback fails, or it would go round in circles.
    pub(super) fn fail_and_roll_back(&mut self, mut execution: Execution) {
        let stage = self.stage_name(&execution);
        let failed = execution.id;
        let target = self.rollback_target(&execution, &stage);
        let plan = self.plan_of(&execution);
        self.set_stage_status(&mut execution, StageStatus::Failed);
        self.end(execution, ExecutionStatus::Failed);
        match target {
            Some(target) => {
                let id = ExecutionId(self.ids.draw());
                self.start_rollback(id, &plan, &stage, Rollback { target, failed: Some(failed) });
            }
            None => self.release(&stage, failed),
        }
    }

    fn rollback_target(&self, execution: &Execution, stage: &Name) -> Option<ExecutionId> {
        let last = self.state.stages.get(stage)?.last_success?;
        // On the definition that the execution runs on, which for a pinned one is not the current one.
        let comparable = last.version == execution.version;
        // A source stage takes in what is new; there is nothing in it to be undone.
        let can = comparable && execution.rollback.is_none() && execution.position.stage() > 0;
        (can && last.execution != execution.id).then_some(last.execution)
    }

    /// Starts a rollback within a stage of its definition, of which it takes the lock. A disabled transition in front of
    /// the stage is no obstacle: the rollback does not come through it.
    pub(super) fn start_rollback(&mut self, id: ExecutionId, plan: &Plan, stage: &Name, rollback: Rollback) {
        let Some(index) = plan.stage_index(stage) else { return };
        self.state.last_ordinal += 1;
        let mut execution = Execution::new(id, self.state.last_ordinal, plan, self.at);
        execution.rollback = Some(rollback);
        // Whoever is told of the start may look the execution up.
        execution.position = Position::Inbound { stage: index, since: self.at };
        self.announce_execution(&execution, ExecutionState::Started);
        self.enter(execution, index);
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::engine::ExecutionMode::{Parallel, Queued, Superseded};
    use crate::engine::RetryMode::{AllActions, FailedActions};
    use crate::engine::story::Story;

    #[test]
    fn a_stage_retries_its_failed_actions_once() {
        let mut story = Story::new(Superseded, "Source: App | Build(retry failed): Lint, Test");
        story.start("e1").succeed("e1", "App").succeed("e1", "Lint").forget();
        story.fail("e1", "Test");
        story.check(expect![[r#"
            e1 Build/Test FAILED
            e1 Build FAILED
            e1 RESUMED (attempt 2)
            e1 Build RESUMED (attempt 2)
            start e1 Build/Test
            e1 Build/Test STARTED (attempt 2)
        "#]]);
        story.fail("e1", "Test");
        story.check(expect![[r#"
            e1 Build/Test FAILED (attempt 2)
            e1 Build FAILED (attempt 2)
            e1 FAILED (attempt 2)
        "#]]);
    }

    #[test]
    fn or_all_of_them_and_again_after_somebody_retried_it() {
        let mut story = Story::new(Parallel, "Source: App | Build(retry all): Lint, Test");
        story.start("e1").succeed("e1", "App").succeed("e1", "Lint").fail("e1", "Test");
        assert_eq!(story.running("e1"), ["Lint", "Test"]);
        story.fail("e1", "Lint").fail("e1", "Test").retry("e1", "Build", FailedActions);
        story.fail("e1", "Lint").succeed("e1", "Test");
        assert_eq!(story.running("e1"), ["Lint", "Test"], "a fresh attempt of its own");
        story.fail("e1", "Lint").fail("e1", "Test");
        assert_eq!(story.running("e1"), [""; 0]);
    }

    #[test]
    fn a_stage_that_retries_keeps_its_lock() {
        let mut story = Story::new(Queued, "Source(retry all): App | Build: Lint");
        story.start("e1").start("e2").fail("e1", "App");
        assert_eq!(story.running("e1"), ["App"]);
        assert_eq!(story.running("e2"), [""; 0]);
        story.fail("e1", "App");
        assert_eq!(story.running("e2"), ["App"]);
    }

    #[test]
    fn a_failed_stage_goes_back_to_the_execution_that_succeeded_last() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(rollback): Ship, Tell@2 | Watch: Look");
        story.start("e1").succeed("e1", "App").succeed("e1", "Ship").succeed("e1", "Tell");
        story.start("e2").succeed("e2", "App").start("e3").succeed("e3", "App").forget();
        story.fail("e2", "Ship");
        story.check(expect![[r#"
            e2 Deploy/Ship FAILED
            e2 Deploy FAILED
            e2 FAILED
            r1 STARTED (rollback to e1 because e2 failed)
            r1 Deploy STARTED
            start r1 Deploy/Ship
            r1 Deploy/Ship STARTED
        "#]]);
        assert_eq!(story.running("e3"), [""; 0], "the rollback goes first");
        story.succeed("r1", "Ship").succeed("r1", "Tell");
        story.check(expect![[r#"
            r1 Deploy/Ship SUCCEEDED
            start r1 Deploy/Tell
            r1 Deploy/Tell STARTED
            r1 Deploy/Tell SUCCEEDED
            r1 Deploy SUCCEEDED
            r1 SUCCEEDED
            e3 Deploy STARTED
            start e3 Deploy/Ship
            e3 Deploy/Ship STARTED
        "#]]);
    }

    #[test]
    fn nothing_to_go_back_to_leaves_the_stage_failed() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(rollback): Ship");
        story.start("e1").succeed("e1", "App").fail("e1", "Ship");
        assert!(story.state.executions.is_empty());
        story.start("e2").succeed("e2", "App").succeed("e2", "Ship");
        story.update(Superseded, "Source: App | Deploy(rollback): Ship");
        story.start("e3").succeed("e3", "App").fail("e3", "Ship");
        assert!(story.state.executions.is_empty(), "e2 ran on the definition of before");
    }

    #[test]
    fn a_pinned_execution_goes_back_on_its_own_definition() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(rollback): Ship, Tell@2 | Watch: Look");
        story.start("e1").succeed("e1", "App").succeed("e1", "Ship").succeed("e1", "Tell");
        story.start("e2").succeed("e2", "App");
        story.update_pinned(Superseded, "Source: App | Watch: Look").forget();
        story.fail("e2", "Ship");
        story.check(expect![[r#"
            e2 Deploy/Ship FAILED
            e2 Deploy FAILED
            e2 FAILED
            r1 STARTED (rollback to e1 because e2 failed)
            r1 Deploy STARTED
            start r1 Deploy/Ship
            r1 Deploy/Ship STARTED
        "#]]);
        story.succeed("r1", "Ship").succeed("r1", "Tell");
        assert_eq!(story.stage_names(), ["Source", "Watch"], "the stage that is no more is forgotten");
    }

    #[test]
    fn but_not_to_one_that_ran_on_another() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(rollback): Ship");
        story.start("e1").succeed("e1", "App").succeed("e1", "Ship");
        story.update(Superseded, "Source: App | Deploy(rollback): Ship").start("e2").succeed("e2", "App");
        story.update_pinned(Superseded, "Source: App | Deploy: Ship").fail("e2", "Ship");
        assert!(story.state.executions.is_empty());
    }

    #[test]
    fn a_rollback_that_fails_is_not_rolled_back() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(rollback): Ship");
        story.start("e1").succeed("e1", "App").succeed("e1", "Ship");
        story.start("e2").succeed("e2", "App").fail("e2", "Ship").forget();
        story.fail("r1", "Ship");
        story.check(expect![[r#"
            r1 Deploy/Ship FAILED
            r1 Deploy FAILED
            r1 FAILED
        "#]]);
        story.retry("r1", "Deploy", AllActions).succeed("r1", "Ship");
        assert!(story.state.executions.is_empty(), "retried, it ends where it began");
    }
}
