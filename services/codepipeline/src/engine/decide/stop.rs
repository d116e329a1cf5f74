//! Somebody stops an execution, waiting for its actions or abandoning them.

use crate::engine::command::{ActionState, Command, ExecutionState};
use crate::engine::flow::Step;
use crate::engine::ids::ExecutionId;
use crate::engine::refusal::Refusal;
use crate::engine::state::{ActionStatus, ExecutionStatus, Position, StageStatus, StopRequest};

impl Step<'_> {
    /// An execution that stops already may still be told to abandon what it waits for, once.
    pub(super) fn stop_requested(
        &mut self,
        id: ExecutionId,
        abandon: bool,
        reason: Option<String>,
    ) -> Result<(), Refusal> {
        let stopping = self.live(id)?.stop.as_ref();
        if stopping.is_some_and(|stop| stop.abandon || !abandon) {
            return Err(Refusal::DuplicatedStopRequest);
        }
        let mut execution = self.take(id)?;
        execution.stop = Some(StopRequest { abandon, reason });
        if execution.status != ExecutionStatus::Stopping {
            execution.status = ExecutionStatus::Stopping;
            self.announce_execution(&execution, ExecutionState::Stopping);
            self.set_stage_status(&mut execution, StageStatus::Stopping);
        }
        let Position::Inside(run) = &mut execution.position else {
            let stage = self.stage_name(&execution);
            self.gate(&stage).inbound.retain(|waiting| *waiting != id);
            self.end(execution, ExecutionStatus::Stopped);
            self.forget_removed(&stage);
            return Ok(());
        };
        if abandon {
            let mut abandoned = Vec::new();
            for (index, action) in run.actions.iter_mut().enumerate() {
                if let Some(action) = action
                    && action.status == ActionStatus::InProgress
                {
                    action.status = ActionStatus::Abandoned;
                    abandoned.push((index, action.id));
                }
            }
            for (index, id) in abandoned {
                self.commands.push(Command::CancelTimer { id });
                self.announce_action(&execution, index, ActionState::Abandoned);
            }
        }
        self.settle(execution);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::engine::ExecutionMode::{Queued, Superseded};
    use crate::engine::Refusal;
    use crate::engine::story::Story;

    #[test]
    fn stop_and_wait_lets_running_actions_finish_and_starts_no_more() {
        let mut story = Story::new(Superseded, "Source: App | Build: Lint, Test, Pack@2");
        story.start("e1").succeed("e1", "App").forget();
        story.stop("e1");
        story.check(expect![[r#"
            e1 STOPPING
            e1 Build STOPPING
        "#]]);
        story.succeed("e1", "Lint").succeed("e1", "Test");
        story.check(expect![[r#"
            e1 Build/Lint SUCCEEDED
            e1 Build/Test SUCCEEDED
            e1 Build STOPPED
            e1 STOPPED
        "#]]);
    }

    #[test]
    fn abandon_ends_at_once_and_frees_the_stage() {
        let mut story = Story::new(Queued, "Source: App | Build: Compile");
        story.start("e1").start("e2").forget();
        story.abandon("e1");
        story.check(expect![[r#"
            e1 STOPPING
            e1 Source STOPPING
            e1 Source/App ABANDONED
            e1 Source STOPPED
            e1 STOPPED
            e2 Source STARTED
            start e2 Source/App
            e2 Source/App STARTED
        "#]]);
    }

    #[test]
    fn a_waiting_execution_stops_without_entering() {
        let mut story = Story::new(Queued, "Source: App | Build: Compile");
        story.start("e1").start("e2").forget();
        story.stop("e2").succeed("e1", "App");
        story.check(expect![[r#"
            e2 STOPPING
            e2 STOPPED
            e1 Source/App SUCCEEDED
            e1 Source SUCCEEDED
            e1 Build STARTED
            start e1 Build/Compile
            e1 Build/Compile STARTED
        "#]]);
    }

    #[test]
    fn only_abandon_may_follow_and_only_stop_and_wait() {
        let mut story = Story::new(Superseded, "Source: App | Build: Compile");
        story.start("e1").stop("e1");
        story.refuses(|story| story.try_stop("e1", false), Refusal::DuplicatedStopRequest);
        story.forget();
        story.abandon("e1");
        story.check(expect![[r#"
            e1 Source/App ABANDONED
            e1 Source STOPPED
            e1 STOPPED
        "#]]);
        let id = story.execution("e1");
        story.refuses(|story| story.try_stop("e1", true), Refusal::ExecutionNotInProgress(id));
    }
}
