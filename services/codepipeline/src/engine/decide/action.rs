//! An action shows a sign of life, ends, or runs out of time.

use crate::engine::command::{ActionState, Command};
use crate::engine::flow::Step;
use crate::engine::ids::{ActionExecutionId, ExecutionId};
use crate::engine::refusal::Refusal;
use crate::engine::state::{ActionStatus, Position};

impl Step<'_> {
    pub(super) fn action_progressed(
        &mut self,
        execution: ExecutionId,
        action: ActionExecutionId,
    ) -> Result<(), Refusal> {
        self.running_action(execution, action).map(|_| ())
    }

    pub(super) fn action_succeeded(
        &mut self,
        execution: ExecutionId,
        action: ActionExecutionId,
    ) -> Result<(), Refusal> {
        let index = self.running_action(execution, action)?;
        self.end_action(execution, index, ActionStatus::Succeeded)
    }

    pub(super) fn action_failed(
        &mut self,
        execution: ExecutionId,
        action: ActionExecutionId,
    ) -> Result<(), Refusal> {
        let index = self.running_action(execution, action)?;
        self.end_action(execution, index, ActionStatus::Failed)
    }

    /// Time is over: the action fails, and what its provider still does for it is ended.
    pub(super) fn timer_fired(
        &mut self,
        execution: ExecutionId,
        action: ActionExecutionId,
    ) -> Result<(), Refusal> {
        let index = self.running_action(execution, action)?;
        self.commands.push(Command::StopAction { execution, id: action });
        self.end_action(execution, index, ActionStatus::Failed)
    }

    /// Index of an action in progress, within its stage.
    pub(super) fn running_action(
        &self,
        execution: ExecutionId,
        action: ActionExecutionId,
    ) -> Result<usize, Refusal> {
        match &self.live(execution)?.position {
            Position::Inside(run) => run.running(action).ok_or(Refusal::ActionNotInProgress),
            Position::Inbound { .. } => Err(Refusal::ActionNotInProgress),
        }
    }

    /// Ends an action that is in progress and lets its execution go on.
    pub(super) fn end_action(
        &mut self,
        execution: ExecutionId,
        index: usize,
        status: ActionStatus,
    ) -> Result<(), Refusal> {
        let mut execution = self.take(execution)?;
        if let Position::Inside(run) = &mut execution.position
            && let Some(action) = &mut run.actions[index]
        {
            action.status = status;
            self.commands.push(Command::CancelTimer { id: action.id });
        }
        let state = match status {
            ActionStatus::Succeeded => ActionState::Succeeded,
            ActionStatus::Abandoned => ActionState::Abandoned,
            ActionStatus::Failed | ActionStatus::InProgress => ActionState::Failed,
        };
        self.announce_action(&execution, index, state);
        self.settle(execution);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::engine::ExecutionMode::{Parallel, Superseded};
    use crate::engine::Refusal;
    use crate::engine::story::Story;

    #[test]
    fn the_next_group_starts_when_all_of_the_last_succeeded() {
        let mut story = Story::new(Superseded, "Source: App | Build: Lint@2, Test@2, Pack@7");
        story.start("e1").succeed("e1", "App").succeed("e1", "Lint").forget();
        assert_eq!(story.running("e1"), ["Test"]);
        story.succeed("e1", "Test");
        story.check(expect![[r#"
            e1 Build/Test SUCCEEDED
            start e1 Build/Pack
            e1 Build/Pack STARTED
        "#]]);
        story.succeed("e1", "Pack");
        story.check(expect![[r#"
            e1 Build/Pack SUCCEEDED
            e1 Build SUCCEEDED
            e1 SUCCEEDED
        "#]]);
    }

    #[test]
    fn siblings_of_a_failed_action_run_on_and_then_the_stage_fails() {
        let mut story = Story::new(Superseded, "Source: App | Build: Lint, Test, Pack@2");
        story.start("e1").succeed("e1", "App").forget();
        story.fail("e1", "Lint");
        story.check(expect![[r#"
            e1 Build/Lint FAILED
        "#]]);
        story.succeed("e1", "Test");
        story.check(expect![[r#"
            e1 Build/Test SUCCEEDED
            e1 Build FAILED
            e1 FAILED
        "#]]);
    }

    #[test]
    fn a_parallel_execution_starts_none_of_those_that_wait_for_room_after_a_failure() {
        let mut story = Story::new(Parallel, "Source: A, B, C, D, E, F | Build: Compile");
        story.start("e1").fail("e1", "B").succeed("e1", "A");
        assert_eq!(story.running("e1"), ["C", "D", "E"]);
    }

    #[test]
    fn a_failed_stage_lets_the_next_execution_in() {
        let mut story = Story::new(Superseded, "Source: App | Build: Compile");
        story.start("e1").succeed("e1", "App").start("e2").succeed("e2", "App").forget();
        story.fail("e1", "Compile");
        story.check(expect![[r#"
            e1 Build/Compile FAILED
            e1 Build FAILED
            e1 FAILED
            e2 Build STARTED
            start e2 Build/Compile
            e2 Build/Compile STARTED
        "#]]);
    }

    #[test]
    fn an_action_out_of_time_fails_and_its_provider_is_told() {
        let mut story = Story::new(Superseded, "Source: App | Build: Compile");
        story.start("e1").forget();
        story.time_out("e1", "App");
        story.check(expect![[r#"
            stop e1 Source/App
            e1 Source/App FAILED
            e1 Source FAILED
            e1 FAILED
        "#]]);
    }

    #[test]
    fn a_late_or_repeated_result_is_refused() {
        let mut story = Story::new(Superseded, "Source: App, Docs | Build: Compile");
        story.start("e1");
        let app = story.action("e1", "App");
        story.succeed("e1", "App");
        story.refuses(|story| story.try_fail("e1", app), Refusal::ActionNotInProgress);
        story.refuses(|story| story.try_succeed("e1", app), Refusal::ActionNotInProgress);
    }
}
