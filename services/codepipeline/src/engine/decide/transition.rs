//! The gate in front of a stage is shut or opened.

use crate::engine::event::TransitionType;
use crate::engine::flow::Step;
use crate::engine::ids::Name;
use crate::engine::refusal::Refusal;
use crate::engine::state::Transition;

impl Step<'_> {
    /// Shutting a shut gate again only changes its reason.
    pub(super) fn transition_disabled(
        &mut self,
        stage: &str,
        transition: TransitionType,
        reason: &str,
        by: &str,
    ) -> Result<(), Refusal> {
        let stage = self.gated_stage(stage, transition)?;
        let at = self.at;
        self.gate(&stage).transition = Transition {
            enabled: false,
            disabled_reason: Some(reason.to_owned()),
            last_changed_by: Some(by.to_owned()),
            last_changed_at: Some(at),
        };
        Ok(())
    }

    pub(super) fn transition_enabled(
        &mut self,
        stage: &str,
        transition: TransitionType,
        by: &str,
    ) -> Result<(), Refusal> {
        let stage = self.gated_stage(stage, transition)?;
        let at = self.at;
        let gate = self.gate(&stage);
        if !gate.transition.enabled {
            gate.transition = Transition {
                enabled: true,
                disabled_reason: None,
                last_changed_by: Some(by.to_owned()),
                last_changed_at: Some(at),
            };
        }
        self.admit(&stage);
        Ok(())
    }

    /// The stage whose inbound gate is meant.
    fn gated_stage(&self, stage: &str, transition: TransitionType) -> Result<Name, Refusal> {
        let plan = self.state.plan().ok_or(Refusal::DefinitionMissing(self.state.version))?;
        let index = plan.stage_index(stage).ok_or_else(|| Refusal::StageNotFound(stage.to_owned()))?;
        let gated = match transition {
            TransitionType::Inbound => index,
            TransitionType::Outbound => index + 1,
        };
        match plan.stages.get(gated) {
            Some(stage) if gated > 0 => Ok(stage.name.clone()),
            _ => Err(Refusal::NoSuchTransition(stage.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::engine::ExecutionMode::{Parallel, Queued, Superseded};
    use crate::engine::story::Story;
    use crate::engine::{Refusal, TransitionType};

    #[test]
    fn nobody_passes_a_shut_gate_and_the_newest_enters_when_it_opens() {
        let mut story = Story::new(Superseded, "Source: App | Build: Compile");
        story.disable("Build").start("e1").succeed("e1", "App").forget();
        story.start("e2").succeed("e2", "App");
        story.check(expect![[r#"
            e2 STARTED
            e2 Source STARTED
            start e2 Source/App
            e2 Source/App STARTED
            e2 Source/App SUCCEEDED
            e2 Source SUCCEEDED
            e1 SUPERSEDED
        "#]]);
        story.enable("Build");
        story.check(expect![[r#"
            e2 Build STARTED
            start e2 Build/Compile
            e2 Build/Compile STARTED
        "#]]);
    }

    #[test]
    fn a_queue_opens_at_its_head_and_parallel_executions_all_enter() {
        for (mode, entered) in [(Queued, vec!["e1"]), (Parallel, vec!["e1", "e2"])] {
            let mut story = Story::new(mode, "Source: App | Build: Compile");
            story.disable("Build").start("e1").succeed("e1", "App").start("e2").succeed("e2", "App");
            story.enable("Build");
            let running: Vec<&str> =
                ["e1", "e2"].into_iter().filter(|e| !story.running(e).is_empty()).collect();
            assert_eq!(running, entered);
        }
    }

    #[test]
    fn a_shut_gate_leaves_the_stage_behind_it_alone() {
        let mut story = Story::new(Superseded, "Source: App | Build: Compile");
        story.start("e1").succeed("e1", "App").disable("Build").forget();
        story.succeed("e1", "Compile");
        story.check(expect![[r#"
            e1 Build/Compile SUCCEEDED
            e1 Build SUCCEEDED
            e1 SUCCEEDED
        "#]]);
    }

    #[test]
    fn the_first_stage_has_no_gate_in_front_and_the_last_none_behind() {
        let story = Story::new(Superseded, "Source: App | Build: Compile");
        for (stage, transition) in [("Source", TransitionType::Inbound), ("Build", TransitionType::Outbound)]
        {
            let refusal = Refusal::NoSuchTransition(stage.to_owned());
            story.refuses(|story| story.try_disable(stage, transition), refusal);
        }
        story.refuses(
            |story| story.try_disable("Nowhere", TransitionType::Inbound),
            Refusal::StageNotFound("Nowhere".to_owned()),
        );
    }
}
