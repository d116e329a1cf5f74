//! Somebody lets an execution pass a condition that keeps it.

use crate::engine::condition::ConditionStatus;
use crate::engine::event::Ended;
use crate::engine::flow::Step;
use crate::engine::ids::ExecutionId;
use crate::engine::plan::{ConditionResult, ConditionType};
use crate::engine::refusal::Refusal;
use crate::engine::state::Position;

impl Step<'_> {
    /// The condition is being evaluated, or it was what made the execution fail. A stage that would be skipped cannot be
    /// entered this way. Source: CodePipeline User Guide, "Override a stage condition".
    pub(super) fn condition_overridden(
        &mut self,
        id: ExecutionId,
        stage: &str,
        condition: ConditionType,
        ended: Option<&Ended>,
    ) -> Result<(), Refusal> {
        let (mut execution, plan) = self.recall(id, ended)?;
        self.check_latest(&execution, &plan, stage)?;
        let refused = |why| Err(Refusal::ConditionNotOverridable { stage: stage.to_owned(), why });
        let Position::Inside(run) = &execution.position else {
            return refused("the execution waits in front of it");
        };
        let stage_plan = &plan.stages[run.stage];
        if &*stage_plan.name != stage {
            return refused("the execution is not in it");
        }
        let (Some(evaluated), Some(declared)) =
            (run.conditions.get(&condition), stage_plan.conditions.get(&condition))
        else {
            return refused("the condition was not evaluated");
        };
        if condition == ConditionType::OnFailure || declared.result == ConditionResult::Skip {
            return refused("conditions with this result cannot be overridden");
        }
        match (execution.status.has_ended(), evaluated.status) {
            (false, ConditionStatus::InProgress)
            | (true, ConditionStatus::Failed | ConditionStatus::Errored) => {}
            _ => return refused("the condition does not keep the execution"),
        }
        if execution.status.has_ended() {
            self.pin_retried(&mut execution, &plan, stage)?;
            if !self.has_room(execution.mode) {
                return Err(Refusal::ConcurrentExecutionsLimit);
            }
            self.bring_back(&mut execution, plan);
        } else {
            execution = self.take(id)?;
        }
        self.conclude(execution, condition, ConditionStatus::Overridden);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::engine::ConditionType::{BeforeEntry, OnFailure, OnSuccess};
    use crate::engine::ExecutionMode::Superseded;
    use crate::engine::Refusal;
    use crate::engine::Verdict::{Failed, Passed};
    use crate::engine::story::Story;

    fn why(story: &Story, condition: crate::engine::ConditionType) -> &'static str {
        match story.clone().try_override("e1", "Deploy", condition) {
            Err(Refusal::ConditionNotOverridable { why, .. }) => why,
            other => panic!("not refused as not overridable: {other:?}"),
        }
    }

    #[test]
    fn an_execution_passes_while_the_rules_are_evaluated() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(entry fail window+check): Ship");
        story.start("e1").succeed("e1", "App").rule("e1", "check", Passed).forget();
        story.overrides("e1", "Deploy", BeforeEntry);
        story.check(expect![[r#"
            stop e1 Deploy?window
            e1 Deploy?window Abandoned
            start e1 Deploy/Ship
            e1 Deploy/Ship STARTED
        "#]]);
        assert_eq!(story.condition("Deploy", BeforeEntry), "Overridden");
        assert_eq!(why(&story, BeforeEntry), "the condition does not keep the execution");
        assert_eq!(why(&story, OnSuccess), "the condition was not evaluated");
    }

    #[test]
    fn and_after_the_condition_has_failed_it() {
        let mut story =
            Story::new(Superseded, "Source: App | Deploy(entry fail check, success fail check): Ship | Z: Y");
        story.start("e1").succeed("e1", "App").rule("e1", "check", Failed).forget();
        story.overrides("e1", "Deploy", BeforeEntry);
        story.check(expect![[r#"
            e1 RESUMED (attempt 2)
            e1 Deploy RESUMED (attempt 2)
            start e1 Deploy/Ship
            e1 Deploy/Ship STARTED (attempt 2)
        "#]]);
        story.succeed("e1", "Ship").rule("e1", "check", Failed).forget();
        story.overrides("e1", "Deploy", OnSuccess);
        story.check(expect![[r#"
            e1 RESUMED (attempt 3)
            e1 Deploy RESUMED (attempt 3)
            e1 Deploy SUCCEEDED (attempt 3)
            e1 Z STARTED (attempt 3)
            start e1 Z/Y
            e1 Z/Y STARTED (attempt 3)
        "#]]);
    }

    #[test]
    fn what_would_skip_or_has_failed_already_cannot_be_overridden() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(entry skip check): Ship");
        story.start("e1").succeed("e1", "App");
        assert_eq!(why(&story, BeforeEntry), "conditions with this result cannot be overridden");
        let mut story = Story::new(Superseded, "Source: App | Deploy(failure rollback check): Ship");
        story.start("e1").succeed("e1", "App").fail("e1", "Ship");
        assert_eq!(why(&story, OnFailure), "conditions with this result cannot be overridden");
    }

    #[test]
    fn not_once_a_later_execution_has_entered_the_stage() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(entry fail check): Ship");
        story.start("e1").succeed("e1", "App").rule("e1", "check", Failed);
        story.start("e2").succeed("e2", "App");
        let refused = story.clone().try_override("e1", "Deploy", BeforeEntry);
        assert_eq!(refused, Err(Refusal::NotLatestExecution));
    }
}
