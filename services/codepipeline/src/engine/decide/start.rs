//! An execution is started: it arrives at the first stage.

use crate::engine::command::ExecutionState;
use crate::engine::flow::Step;
use crate::engine::ids::ExecutionId;
use crate::engine::refusal::Refusal;
use crate::engine::state::Execution;

impl Step<'_> {
    pub(super) fn started(&mut self, id: ExecutionId) -> Result<(), Refusal> {
        if self.state.executions.contains_key(&id) {
            return Err(Refusal::ExecutionExists(id));
        }
        let version = self.state.version;
        let plan = self.state.plan().ok_or(Refusal::DefinitionMissing(version))?.clone();
        if !self.has_room(plan.mode) {
            return Err(Refusal::ConcurrentExecutionsLimit);
        }
        self.state.last_ordinal += 1;
        let execution = Execution::new(id, self.state.last_ordinal, &plan, self.at);
        self.announce_execution(&execution, ExecutionState::Started);
        self.arrive(execution, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::engine::ExecutionMode::{Parallel, Queued, Superseded};
    use crate::engine::Refusal;
    use crate::engine::story::Story;

    #[test]
    fn starts_the_first_group_of_the_first_stage() {
        let mut story = Story::new(Superseded, "Source: App, Docs | Build: Compile");
        story.start("e1");
        story.check(expect![[r#"
            e1 STARTED
            e1 Source STARTED
            start e1 Source/App
            e1 Source/App STARTED
            start e1 Source/Docs
            e1 Source/Docs STARTED
        "#]]);
    }

    #[test]
    fn superseded_keeps_only_the_newest_in_front_of_a_stage() {
        let mut story = Story::new(Superseded, "Source: App | Build: Compile");
        story.start("e1").start("e2").start("e3").forget();
        story.succeed("e1", "App");
        story.check(expect![[r#"
            e1 Source/App SUCCEEDED
            e1 Source SUCCEEDED
            e1 Build STARTED
            start e1 Build/Compile
            e1 Build/Compile STARTED
            e3 Source STARTED
            start e3 Source/App
            e3 Source/App STARTED
        "#]]);
        story.succeed("e3", "App").start("e4").forget();
        story.succeed("e4", "App");
        story.check(expect![[r#"
            e4 Source/App SUCCEEDED
            e4 Source SUCCEEDED
            e3 SUPERSEDED
        "#]]);
    }

    #[test]
    fn queued_lets_everybody_through_in_order() {
        let mut story = Story::new(Queued, "Source: App | Build: Compile");
        story.start("e1").start("e2").start("e3").forget();
        story.succeed("e1", "App").succeed("e2", "App").forget();
        story.succeed("e3", "App").succeed("e1", "Compile");
        story.check(expect![[r#"
            e3 Source/App SUCCEEDED
            e3 Source SUCCEEDED
            e1 Build/Compile SUCCEEDED
            e1 Build SUCCEEDED
            e1 SUCCEEDED
            e2 Build STARTED
            start e2 Build/Compile
            e2 Build/Compile STARTED
        "#]]);
    }

    #[test]
    fn queued_and_parallel_refuse_the_fifty_first() {
        for mode in [Queued, Parallel] {
            let mut story = Story::new(mode, "Source: App | Build: Compile");
            for n in 1..=50 {
                story.start(&format!("e{n}"));
            }
            story.refuses(|story| story.try_start("e51"), Refusal::ConcurrentExecutionsLimit);
        }
    }

    #[test]
    fn parallel_executions_do_not_wait_but_run_five_actions_at_a_time() {
        let mut story = Story::new(Parallel, "Source: A, B, C, D, E, F | Build: Compile");
        story.start("e1").start("e2").forget();
        assert_eq!(story.running("e1"), ["A", "B", "C", "D", "E"]);
        assert_eq!(story.running("e2"), ["A", "B", "C", "D", "E"]);
        story.succeed("e1", "C");
        assert_eq!(story.running("e1"), ["A", "B", "D", "E", "F"]);
    }

    #[test]
    fn the_same_start_twice_is_refused() {
        let mut story = Story::new(Superseded, "Source: App | Build: Compile");
        story.start("e1");
        let id = story.execution("e1");
        story.refuses(|story| story.try_start("e1"), Refusal::ExecutionExists(id));
    }
}
