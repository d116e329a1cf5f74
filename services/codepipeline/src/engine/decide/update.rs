//! The definition is replaced.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::flow::Step;
use crate::engine::ids::{ExecutionId, Name};
use crate::engine::plan::Plan;
use crate::engine::refusal::Refusal;
use crate::engine::state::{ExecutionMode, ExecutionStatus, Position, Transition};

impl Step<'_> {
    /// New executions run on the new definition. Of those in progress, the ones that wait are cancelled, the ones that
    /// run are cancelled when their running actions have ended; PARALLEL ones go on with their own definition, and so do
    /// all if they are pinned. Source, but for pinning: CodePipeline User Guide, "Edit a pipeline".
    pub(super) fn updated(&mut self, plan: &Arc<Plan>, pin: bool) -> Result<(), Refusal> {
        let current = self.state.version;
        if plan.version != current + 1 {
            return Err(Refusal::VersionOutOfOrder { given: plan.version, current });
        }
        self.state.version = plan.version;
        self.state.plans.insert(plan.version, plan.clone());
        for stage in &plan.stages {
            self.gate(&stage.name);
        }
        if !pin {
            self.cancel_in_progress();
        }
        self.open_removed(plan);
        Ok(())
    }

    fn cancel_in_progress(&mut self) {
        // Those who wait first: else one that leaves its stage at once would let the next one in.
        for inside in [false, true] {
            let in_order: BTreeMap<u64, ExecutionId> = self
                .state
                .executions
                .values()
                .filter(|execution| execution.mode != ExecutionMode::Parallel)
                .filter(|execution| matches!(execution.position, Position::Inside(_)) == inside)
                .map(|execution| (execution.ordinal, execution.id))
                .collect();
            for id in in_order.into_values() {
                self.cancel(id);
            }
        }
    }

    fn cancel(&mut self, id: ExecutionId) {
        let Some(mut execution) = self.state.executions.remove(&id) else { return };
        match &execution.position {
            Position::Inbound { .. } => {
                let stage = self.stage_name(&execution);
                self.gate(&stage).inbound.retain(|waiting| *waiting != id);
                self.end(execution, ExecutionStatus::Cancelled);
            }
            Position::Inside(_) => {
                execution.cancelling = true;
                self.settle(execution);
            }
        }
    }

    /// Nobody could ever open the gate of a stage that is no more: executions in front of it that go on go in.
    fn open_removed(&mut self, plan: &Plan) {
        // The first stage has no gate that could be opened, either.
        let closed_for_good = |name: &&Name| plan.stage_index(name).is_none_or(|index| index == 0);
        let removed: Vec<Name> = self.state.stages.keys().filter(closed_for_good).cloned().collect();
        for stage in removed {
            self.gate(&stage).transition = Transition::default();
            self.admit(&stage);
            self.forget_removed(&stage);
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::engine::ExecutionMode::{Parallel, Queued, Superseded};
    use crate::engine::story::Story;

    #[test]
    fn waiting_executions_are_cancelled_and_running_ones_when_their_actions_end() {
        let mut story = Story::new(Queued, "Source: App | Build: Lint, Test");
        story.start("e1").succeed("e1", "App").start("e2").start("e3").forget();
        story.update(Queued, "Source: App | Build: Lint");
        story.check(expect![[r#"
            e3 CANCELED
        "#]]);
        story.succeed("e1", "Lint").start("e4").forget();
        assert_eq!(story.running("e4"), [""; 0], "the first stage is still held by e2");
        story.succeed("e2", "App");
        story.check(expect![[r#"
            e2 Source/App SUCCEEDED
            e2 Source CANCELED
            e2 CANCELED
            e4 Source STARTED
            start e4 Source/App
            e4 Source/App STARTED
        "#]]);
        story.succeed("e1", "Test");
        story.check(expect![[r#"
            e1 Build/Test SUCCEEDED
            e1 Build CANCELED
            e1 CANCELED
        "#]]);
    }

    #[test]
    fn parallel_executions_go_on_with_their_own_definition() {
        let mut story = Story::new(Parallel, "Source: App | Build: Lint | Deploy: Ship");
        story.start("e1").disable("Build").succeed("e1", "App").forget();
        story.update(Superseded, "Source: App | Deploy: Ship, Tell");
        assert_eq!(story.running("e1"), ["Lint"], "the shut gate went with the stage");
        story.succeed("e1", "Lint");
        assert_eq!(story.running("e1"), ["Ship"]);
        story.succeed("e1", "Ship");
        assert_eq!(story.stage_names(), ["Deploy", "Source"]);
    }

    #[test]
    fn pinned_executions_go_on_with_the_definition_that_they_began_with() {
        let mut story = Story::new(Superseded, "Source: App | Build: Lint | Test: Try | Deploy: Ship");
        story.start("e1").succeed("e1", "App").start("e2").succeed("e2", "App").start("e3").forget();
        story.update_pinned(Superseded, "Source: App | Deploy: Ship, Tell");
        story.check(expect![[""]]);
        story.succeed("e1", "Lint").succeed("e1", "Try").succeed("e1", "Ship").forget();
        story.succeed("e2", "Lint").succeed("e2", "Try");
        story.check(expect![[r#"
            e2 Build/Lint SUCCEEDED
            e2 Build SUCCEEDED
            e2 Test STARTED
            start e2 Test/Try
            e2 Test/Try STARTED
            e2 Test/Try SUCCEEDED
            e2 Test SUCCEEDED
            e2 Deploy STARTED
            start e2 Deploy/Ship
            e2 Deploy/Ship STARTED
        "#]]);
        story.succeed("e2", "Ship").stop("e3").succeed("e3", "App");
        assert_eq!(story.stage_names(), ["Deploy", "Source"]);
    }

    #[test]
    fn nobody_overtakes_a_pinned_execution_by_a_shorter_way() {
        for mode in [Superseded, Queued] {
            let mut story = Story::new(mode, "Source: App | Test: Try | Deploy: Ship");
            story.start("e1").succeed("e1", "App").update_pinned(mode, "Source: App | Deploy: Ship");
            story.start("e2").succeed("e2", "App");
            assert_eq!(story.running("e2"), [""; 0], "e1 has yet to come here");
            story.succeed("e1", "Try");
            assert_eq!(story.running("e1"), ["Ship"]);
            story.succeed("e1", "Ship");
            assert_eq!(story.running("e2"), ["Ship"]);
        }
    }

    #[test]
    fn one_that_fails_or_stops_lets_the_others_pass() {
        let mut story = Story::new(Queued, "Source: App | Test: Try | Deploy: Ship");
        story.start("e1").succeed("e1", "App").update_pinned(Queued, "Source: App | Deploy: Ship");
        story.start("e2").succeed("e2", "App");
        story.fail("e1", "Try");
        assert_eq!(story.running("e2"), ["Ship"]);
    }

    #[test]
    fn the_gate_of_a_stage_whose_name_stays_stays_shut() {
        let mut story = Story::new(Superseded, "Source: App | Build: Lint");
        story.disable("Build").update(Superseded, "Source: App | Build: Other");
        story.start("e1").succeed("e1", "App");
        assert_eq!(story.running("e1"), [""; 0]);
    }
}
