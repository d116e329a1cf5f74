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
    /// run are cancelled when their running actions have ended; PARALLEL ones go on with their own definition.
    /// Source: CodePipeline User Guide, "Edit a pipeline".
    pub(super) fn updated(&mut self, plan: &Arc<Plan>) -> Result<(), Refusal> {
        let current = self.state.version;
        if plan.version != current + 1 {
            return Err(Refusal::VersionOutOfOrder { given: plan.version, current });
        }
        self.state.version = plan.version;
        self.state.plans.insert(plan.version, plan.clone());
        for stage in &plan.stages {
            self.gate(&stage.name);
        }
        self.cancel_in_progress();
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

    /// Nobody could ever open the gate of a stage that is no more: PARALLEL executions in front of it go in.
    fn open_removed(&mut self, plan: &Plan) {
        let removed: Vec<Name> =
            self.state.stages.keys().filter(|name| plan.stage_index(name).is_none()).cloned().collect();
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
    fn the_gate_of_a_stage_whose_name_stays_stays_shut() {
        let mut story = Story::new(Superseded, "Source: App | Build: Lint");
        story.disable("Build").update(Superseded, "Source: App | Build: Other");
        story.start("e1").succeed("e1", "App");
        assert_eq!(story.running("e1"), [""; 0]);
    }
}
