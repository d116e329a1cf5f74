//! Somebody takes up the work of an earlier execution in the middle: from a stage on, or one action of it alone.

use crate::engine::command::ExecutionState;
use crate::engine::event::Ended;
use crate::engine::flow::Step;
use crate::engine::ids::{ExecutionId, Name};
use crate::engine::plan::{Plan, StagePlan};
use crate::engine::refusal::Refusal;
use crate::engine::state::{ActionStatus, Execution, ExecutionMode, ExecutionStatus, Position, Rerun};

impl Step<'_> {
    /// A new execution arrives at the stage with what the earlier one had made before it. It runs on the definition of
    /// today, waits like any other, and is checked by the stage's conditions. AWS has nothing like it.
    pub(super) fn rerun_requested(
        &mut self,
        id: ExecutionId,
        of: ExecutionId,
        stage: &str,
        action: Option<&str>,
        ended: Option<&Ended>,
    ) -> Result<(), Refusal> {
        if self.state.executions.contains_key(&id) {
            return Err(Refusal::ExecutionExists(id));
        }
        let (base, base_plan) = self.recall(of, ended)?;
        let version = self.state.version;
        let plan = self.state.plan().ok_or(Refusal::DefinitionMissing(version))?.clone();
        let index = plan.stage_index(stage).ok_or_else(|| Refusal::StageNotFound(stage.to_owned()))?;
        let only = only(&plan.stages[index], action)?;
        let unable = |why| Err(Refusal::UnableToRerun { stage: stage.to_owned(), why });
        if base.rollback.is_some() {
            return unable("the execution is a rollback");
        }
        let passed = |earlier: &StagePlan| base.has_passed(&base_plan, &earlier.name);
        if !plan.stages[..index].iter().all(passed) {
            return unable("the execution has not passed all stages before it");
        }
        if let Some(only) = &only
            && !base.has_done_before(&base_plan, &plan.stages[index], only)
        {
            return unable("actions of the execution that come before this one have not succeeded");
        }
        if !self.has_room(plan.mode) {
            return Err(Refusal::ConcurrentExecutionsLimit);
        }
        let mut execution = Execution::new(id, self.state.last_ordinal + 1, &plan, self.at);
        execution.rerun = Some(Rerun { of, age: base.age().0, only });
        if self.newer_waits(&execution, &plan.stages[index].name) {
            return unable("an execution whose sources are no older waits in front of it");
        }
        self.state.last_ordinal += 1;
        execution.position = Position::Inbound { stage: index, since: self.at };
        self.announce_execution(&execution, ExecutionState::Started);
        self.arrive(execution, index);
        Ok(())
    }

    /// It would be superseded at once, or take the place of what it is to do again.
    fn newer_waits(&self, execution: &Execution, stage: &Name) -> bool {
        let waiting = self.state.stages.get(stage).into_iter().flat_map(|stage| &stage.inbound);
        let mut waiting = waiting.filter_map(|id| self.state.executions.get(id));
        execution.mode == ExecutionMode::Superseded
            && waiting
                .any(|other| other.mode == ExecutionMode::Superseded && other.age().0 >= execution.age().0)
    }
}

fn only(stage: &StagePlan, action: Option<&str>) -> Result<Option<Name>, Refusal> {
    let Some(action) = action else { return Ok(None) };
    let not_found = || Refusal::ActionNotFound { stage: stage.name.to_string(), action: action.to_owned() };
    let index = stage.action_index(action).ok_or_else(not_found)?;
    Ok(Some(stage.actions[index].name.clone()))
}

impl Execution {
    /// Whether it has left a stage behind: what the stage makes is there.
    fn has_passed(&self, plan: &Plan, stage: &str) -> bool {
        let Some(index) = plan.stage_index(stage) else { return false };
        let is_over = self.status == ExecutionStatus::Succeeded && !self.ends_here();
        index < self.position.stage() || is_over
    }

    /// Whether everything has succeeded that `action` comes after within its stage.
    fn has_done_before(&self, plan: &Plan, stage: &StagePlan, action: &str) -> bool {
        if self.has_passed(plan, &stage.name) {
            return true;
        }
        let order = stage.action_index(action).map_or(0, |index| stage.actions[index].run_order);
        let mut before = stage.actions.iter().filter(|other| other.run_order < order);
        let run = match &self.position {
            Position::Inside(run) if plan.stages[run.stage].name == stage.name => run,
            Position::Inside(_) | Position::Inbound { .. } => return before.next().is_none(),
        };
        let own = &plan.stages[run.stage];
        before.all(|other| {
            let slot = own.action_index(&other.name).and_then(|index| run.actions[index].as_ref());
            slot.is_some_and(|slot| slot.status == ActionStatus::Succeeded)
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::engine::ExecutionMode::{Parallel, Queued, Superseded};
    use crate::engine::Refusal;
    use crate::engine::RetryMode::AllActions;
    use crate::engine::story::Story;

    const WEB: &str = "Source: App | Build: Lint, Pack@2, Test@3 | Deploy: Ship | Watch: Look";

    fn deployed(mode: crate::engine::ExecutionMode) -> Story {
        let mut story = Story::new(mode, WEB);
        story.start("e1");
        for action in ["App", "Lint", "Pack", "Test", "Ship", "Look"] {
            story.succeed("e1", action);
        }
        story.forget();
        story
    }

    fn why(story: &Story, of: &str, stage: &str, action: Option<&str>) -> &'static str {
        match story.clone().try_rerun("e9", of, stage, action) {
            Err(Refusal::UnableToRerun { why, .. }) => why,
            other => panic!("not refused as unable to run again: {other:?}"),
        }
    }

    #[test]
    fn an_execution_starts_at_a_stage_and_goes_on_to_the_end() {
        let mut story = deployed(Superseded);
        story.rerun("e2", "e1", "Deploy", None);
        story.check(expect![[r#"
            e2 STARTED (e1 again)
            e2 Deploy STARTED
            start e2 Deploy/Ship
            e2 Deploy/Ship STARTED
        "#]]);
        story.succeed("e2", "Ship").succeed("e2", "Look");
        story.check(expect![[r#"
            e2 Deploy/Ship SUCCEEDED
            e2 Deploy SUCCEEDED
            e2 Watch STARTED
            start e2 Watch/Look
            e2 Watch/Look STARTED
            e2 Watch/Look SUCCEEDED
            e2 Watch SUCCEEDED
            e2 SUCCEEDED
        "#]]);
    }

    #[test]
    fn or_runs_one_action_and_nothing_else() {
        let mut story = deployed(Queued);
        story.rerun("e2", "e1", "Build", Some("Pack"));
        assert_eq!(story.running("e2"), ["Pack"]);
        story.forget();
        story.succeed("e2", "Pack");
        story.check(expect![[r#"
            e2 Build/Pack SUCCEEDED
            e2 Build SUCCEEDED
            e2 SUCCEEDED
        "#]]);
        story.rerun("e3", "e1", "Build", Some("Pack")).fail("e3", "Pack").retry("e3", "Build", AllActions);
        assert_eq!(story.running("e3"), ["Pack"]);
    }

    #[test]
    fn one_action_alone_is_nothing_to_roll_back_to() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(rollback): Ship, Tell@2");
        story.start("e1").succeed("e1", "App").succeed("e1", "Ship").fail("e1", "Tell");
        story.rerun("e2", "e1", "Deploy", Some("Tell")).succeed("e2", "Tell");
        story.start("e3").succeed("e3", "App").fail("e3", "Ship");
        assert!(story.state.executions.is_empty());
    }

    #[test]
    fn it_waits_like_any_other() {
        let mut story = deployed(Superseded);
        story.disable("Deploy").rerun("e2", "e1", "Deploy", None);
        assert_eq!(story.running("e2"), [""; 0]);
        story.enable("Deploy");
        assert_eq!(story.running("e2"), ["Ship"]);
    }

    #[test]
    fn newer_sources_win_wherever_the_two_meet() {
        let mut story = deployed(Superseded);
        story.disable("Watch").rerun("e2", "e1", "Deploy", None).start("e3").succeed("e3", "App");
        for action in ["Lint", "Pack", "Test"] {
            story.succeed("e3", action);
        }
        assert_eq!(
            why(&story, "e1", "Deploy", None),
            "an execution whose sources are no older waits in front of it"
        );
        story.succeed("e2", "Ship").succeed("e3", "Ship").forget();
        story.rerun("e4", "e1", "Deploy", None).succeed("e4", "Ship");
        story.check(expect![[r#"
            e4 STARTED (e1 again)
            e4 Deploy STARTED
            start e4 Deploy/Ship
            e4 Deploy/Ship STARTED
            e4 Deploy/Ship SUCCEEDED
            e4 Deploy SUCCEEDED
            e4 SUPERSEDED
        "#]]);
        story.enable("Watch");
        assert_eq!(story.running("e3"), ["Look"]);
    }

    #[test]
    fn not_beyond_what_the_earlier_one_has_passed() {
        let mut story = Story::new(Parallel, WEB);
        story.start("e1").succeed("e1", "App").succeed("e1", "Lint").fail("e1", "Pack");
        let passed = "the execution has not passed all stages before it";
        let done = "actions of the execution that come before this one have not succeeded";
        assert_eq!(why(&story, "e1", "Deploy", None), passed);
        assert_eq!(why(&story, "e1", "Build", Some("Test")), done);
        story.rerun("e2", "e1", "Build", Some("Pack"));
        let unknown = Refusal::ActionNotFound { stage: "Build".into(), action: "Ship".into() };
        story.refuses(|story| story.try_rerun("e3", "e1", "Build", Some("Ship")), unknown);
    }

    #[test]
    fn a_rerun_can_be_run_again() {
        let mut story = deployed(Superseded);
        story.rerun("e2", "e1", "Deploy", None).fail("e2", "Ship").rerun("e3", "e2", "Deploy", None);
        assert_eq!(story.running("e3"), ["Ship"]);
    }
}
