//! Somebody rolls a stage back: a new execution does in it what an earlier one did.

use crate::engine::event::RollbackTarget;
use crate::engine::flow::Step;
use crate::engine::ids::ExecutionId;
use crate::engine::refusal::Refusal;
use crate::engine::state::{ExecutionMode, Rollback};

impl Step<'_> {
    /// Source of the rules: CodePipeline User Guide, "Configure stage rollback".
    pub(super) fn rollback_requested(
        &mut self,
        id: ExecutionId,
        stage: &str,
        target: &RollbackTarget,
    ) -> Result<(), Refusal> {
        if self.state.executions.contains_key(&id) {
            return Err(Refusal::ExecutionExists(id));
        }
        let version = self.state.version;
        let plan = self.state.plan().ok_or(Refusal::DefinitionMissing(version))?.clone();
        let index = plan.stage_index(stage).ok_or_else(|| Refusal::StageNotFound(stage.to_owned()))?;
        let unable = |why| Err(Refusal::UnableToRollback { stage: stage.to_owned(), why });
        if index == 0 {
            return unable("it is the source stage");
        }
        if plan.mode == ExecutionMode::Parallel {
            return unable("the pipeline runs in PARALLEL mode");
        }
        if target.version != version {
            return Err(Refusal::TargetOutdated(target.version));
        }
        if target.is_rollback {
            return unable("the target execution is a rollback itself");
        }
        if !target.succeeded {
            return unable("the target execution did not succeed in it");
        }
        if self.state.stages.get(stage).is_some_and(|stage| stage.holder.is_some()) {
            return unable("an execution is in progress in it");
        }
        if !self.has_room(plan.mode) {
            return Err(Refusal::ConcurrentExecutionsLimit);
        }
        let name = plan.stages[index].name.clone();
        self.start_rollback(id, &plan, &name, Rollback { target: target.execution, failed: None });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::engine::ExecutionMode::{Parallel, Queued, Superseded};
    use crate::engine::Refusal;
    use crate::engine::story::Story;

    fn deployed(text: &str) -> Story {
        let mut story = Story::new(Queued, text);
        story.start("e1").succeed("e1", "App").succeed("e1", "Ship");
        story.start("e2").succeed("e2", "App").succeed("e2", "Ship").forget();
        story
    }

    fn why(story: &Story, stage: &str, target: &str) -> &'static str {
        match story.clone().try_roll_back("e9", stage, target) {
            Err(Refusal::UnableToRollback { why, .. }) => why,
            other => panic!("not refused as unable to roll back: {other:?}"),
        }
    }

    #[test]
    fn a_rollback_runs_its_stage_alone() {
        let mut story = deployed("Source: App | Deploy: Ship | Watch: Look");
        story.disable("Deploy").roll_back("e3", "Deploy", "e1");
        story.check(expect![[r#"
            e3 STARTED (rollback to e1)
            e3 Deploy STARTED
            start e3 Deploy/Ship
            e3 Deploy/Ship STARTED
        "#]]);
        story.succeed("e3", "Ship");
        story.check(expect![[r#"
            e3 Deploy/Ship SUCCEEDED
            e3 Deploy SUCCEEDED
            e3 SUCCEEDED
        "#]]);
    }

    #[test]
    fn the_target_must_have_succeeded_there_on_this_definition_and_be_no_rollback() {
        let mut story = deployed("Source: App | Deploy: Ship");
        assert_eq!(why(&story, "Source", "e1"), "it is the source stage");
        story.start("e3").succeed("e3", "App").fail("e3", "Ship");
        assert_eq!(why(&story, "Deploy", "e3"), "the target execution did not succeed in it");
        story.roll_back("e4", "Deploy", "e1");
        assert_eq!(why(&story, "Deploy", "e2"), "an execution is in progress in it");
        story.succeed("e4", "Ship");
        assert_eq!(why(&story, "Deploy", "e4"), "the target execution is a rollback itself");
        story.update(Queued, "Source: App | Deploy: Ship");
        story.refuses(|story| story.try_roll_back("e9", "Deploy", "e1"), Refusal::TargetOutdated(1));
        let refused = Refusal::StageNotFound("Nowhere".to_owned());
        story.refuses(|story| story.try_roll_back("e9", "Nowhere", "e1"), refused);
    }

    #[test]
    fn parallel_pipelines_cannot_be_rolled_back() {
        let mut story = Story::new(Parallel, "Source: App | Deploy: Ship");
        story.start("e1").succeed("e1", "App").succeed("e1", "Ship");
        assert_eq!(why(&story, "Deploy", "e1"), "the pipeline runs in PARALLEL mode");
    }

    #[test]
    fn who_comes_meanwhile_waits_and_an_update_cancels_it() {
        let mut story = deployed("Source: App | Deploy: Ship");
        story.roll_back("e3", "Deploy", "e1").start("e4").succeed("e4", "App");
        assert_eq!(story.running("e4"), [""; 0]);
        story.update(Superseded, "Source: App | Deploy: Ship").forget();
        story.succeed("e3", "Ship");
        story.check(expect![[r#"
            e3 Deploy/Ship SUCCEEDED
            e3 Deploy CANCELED
            e3 CANCELED
        "#]]);
    }
}
