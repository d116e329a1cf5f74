//! A rule of a condition passes, fails, or runs out of time.

use crate::engine::command::Command;
use crate::engine::condition::{ConditionStatus, RuleStatus};
use crate::engine::event::Verdict;
use crate::engine::flow::Step;
use crate::engine::ids::{ExecutionId, RuleExecutionId};
use crate::engine::plan::ConditionType;
use crate::engine::refusal::Refusal;
use crate::engine::state::Position;

impl Step<'_> {
    pub(super) fn rule_progressed(&mut self, id: ExecutionId, rule: RuleExecutionId) -> Result<(), Refusal> {
        self.running_rule(id, rule).map(|_| ())
    }

    /// A rule that passed may have to wait for the others; one that did not decides the condition.
    pub(super) fn rule_ended(
        &mut self,
        id: ExecutionId,
        rule: RuleExecutionId,
        verdict: Verdict,
    ) -> Result<(), Refusal> {
        let (condition, index) = self.running_rule(id, rule)?;
        let mut execution = self.take(id)?;
        let status = match verdict {
            Verdict::Passed => RuleStatus::Succeeded,
            Verdict::Failed | Verdict::Errored => RuleStatus::Failed,
        };
        let mut others = false;
        if let Position::Inside(run) = &mut execution.position
            && let Some(evaluated) = run.conditions.get_mut(&condition)
        {
            evaluated.rules[index].status = status;
            others = evaluated.in_progress().next().is_some();
        }
        self.commands.push(Command::EndRule { execution: id, id: rule, status });
        match verdict {
            Verdict::Passed if others => {
                self.show_run(&execution);
                self.put(execution);
            }
            Verdict::Passed => self.conclude(execution, condition, ConditionStatus::Succeeded),
            Verdict::Failed => self.conclude(execution, condition, ConditionStatus::Failed),
            Verdict::Errored => self.conclude(execution, condition, ConditionStatus::Errored),
        }
        Ok(())
    }

    /// Time is over: the rule counts as failed, and what its provider still does for it is ended.
    pub(super) fn rule_timed_out(&mut self, id: ExecutionId, rule: RuleExecutionId) -> Result<(), Refusal> {
        self.running_rule(id, rule)?;
        self.commands.push(Command::StopRule { execution: id, id: rule });
        self.rule_ended(id, rule, Verdict::Failed)
    }

    /// The condition of a rule in progress, and the rule's index in it.
    fn running_rule(
        &self,
        id: ExecutionId,
        rule: RuleExecutionId,
    ) -> Result<(ConditionType, usize), Refusal> {
        let Position::Inside(run) = &self.live(id)?.position else { return Err(Refusal::RuleNotInProgress) };
        let running = run.evaluating().and_then(|condition| {
            let rules = &run.conditions.get(&condition)?.rules;
            let is_it =
                |known: &crate::engine::RuleRun| known.id == rule && known.status == RuleStatus::InProgress;
            Some((condition, rules.iter().position(is_it)?))
        });
        running.ok_or(Refusal::RuleNotInProgress)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::engine::ExecutionMode::{Parallel, Queued, Superseded};
    use crate::engine::RetryMode::{AllActions, FailedActions};
    use crate::engine::Verdict::{Errored, Failed, Passed};
    use crate::engine::story::Story;
    use crate::engine::{ConditionType, Refusal};

    #[test]
    fn no_action_starts_before_all_rules_of_the_entry_have_passed() {
        let mut story = Story::new(Queued, "Source: App | Deploy(entry fail window+check): Ship");
        story.start("e1").forget();
        story.succeed("e1", "App").rule("e1", "check", Passed);
        story.check(expect![[r#"
            e1 Source/App SUCCEEDED
            e1 Source SUCCEEDED
            e1 Deploy STARTED
            evaluate e1 Deploy?window
            evaluate e1 Deploy?check
            e1 Deploy?check Succeeded
        "#]]);
        story.rule("e1", "window", Passed);
        story.check(expect![[r#"
            e1 Deploy?window Succeeded
            start e1 Deploy/Ship
            e1 Deploy/Ship STARTED
        "#]]);
        assert_eq!(story.condition("Deploy", ConditionType::BeforeEntry), "Succeeded");
    }

    #[test]
    fn the_first_rule_that_does_not_pass_decides() {
        for (verdict, status) in [(Failed, "Failed"), (Errored, "Errored")] {
            let mut story = Story::new(Superseded, "Source: App | Deploy(entry fail window+check): Ship");
            story.start("e1").succeed("e1", "App").start("e2").succeed("e2", "App").forget();
            story.rule("e1", "check", verdict);
            story.check(expect![[r#"
                e1 Deploy?check Failed
                stop e1 Deploy?window
                e1 Deploy?window Abandoned
                e1 Deploy FAILED
                e1 FAILED
                e2 Deploy STARTED
                evaluate e2 Deploy?window
                evaluate e2 Deploy?check
            "#]]);
            story.abandon("e2").retry("e2", "Deploy", FailedActions);
            assert_eq!(story.condition("Deploy", ConditionType::BeforeEntry), "InProgress");
            story.rule("e2", "check", verdict);
            assert_eq!(story.condition("Deploy", ConditionType::BeforeEntry), status);
        }
    }

    #[test]
    fn a_stage_can_be_skipped_the_last_one_too() {
        let mut story = Story::new(Parallel, "Source: App | A(entry skip check): X | B(entry skip check): Y");
        story.start("e1").succeed("e1", "App").forget();
        story.rule("e1", "check", Failed).rule("e1", "check", Failed);
        story.check(expect![[r#"
            e1 A?check Failed
            e1 A SKIPPED
            e1 B STARTED
            evaluate e1 B?check
            e1 B?check Failed
            e1 B SKIPPED
            e1 SUCCEEDED
        "#]]);
    }

    #[test]
    fn success_is_checked_and_can_be_rolled_back() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(success rollback check): Ship");
        story.start("e1").succeed("e1", "App").succeed("e1", "Ship").rule("e1", "check", Passed);
        story.start("e2").succeed("e2", "App").forget();
        story.succeed("e2", "Ship").rule("e2", "check", Failed);
        story.check(expect![[r#"
            e2 Deploy/Ship SUCCEEDED
            evaluate e2 Deploy?check
            e2 Deploy?check Failed
            e2 Deploy FAILED
            e2 FAILED
            r1 STARTED (rollback to e1 because e2 failed)
            r1 Deploy STARTED
            start r1 Deploy/Ship
            r1 Deploy/Ship STARTED
        "#]]);
        story.succeed("r1", "Ship");
        assert!(story.state.executions.is_empty(), "a rollback passes all conditions");
    }

    #[test]
    fn a_failure_is_rolled_back_only_if_its_condition_is_met() {
        for (verdict, rolled_back) in [(Passed, true), (Failed, false)] {
            let mut story = Story::new(Superseded, "Source: App | Deploy(failure rollback check): Ship");
            story.start("e1").succeed("e1", "App").succeed("e1", "Ship");
            story.start("e2").succeed("e2", "App").fail("e2", "Ship");
            story.rule("e2", "check", verdict);
            assert_eq!(!story.state.executions.is_empty(), rolled_back);
        }
    }

    #[test]
    fn an_unmet_success_condition_can_be_evaluated_again() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(success fail check): Ship");
        story.start("e1").succeed("e1", "App").succeed("e1", "Ship").rule("e1", "check", Failed).forget();
        story.retry("e1", "Deploy", FailedActions);
        story.check(expect![[r#"
            e1 RESUMED (attempt 2)
            e1 Deploy RESUMED (attempt 2)
            evaluate e1 Deploy?check
        "#]]);
        assert!(story.clone().try_retry("e1", "Deploy", FailedActions).is_err());
        story.rule("e1", "check", Failed).retry("e1", "Deploy", AllActions);
        assert_eq!(story.running("e1"), ["Ship"]);
    }

    #[test]
    fn a_rule_out_of_time_fails_and_its_provider_is_told() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(entry fail window): Ship");
        story.start("e1").succeed("e1", "App").forget();
        story.rule_times_out("e1", "window");
        story.check(expect![[r#"
            stop e1 Deploy?window
            e1 Deploy?window Failed
            e1 Deploy FAILED
            e1 FAILED
        "#]]);
    }

    #[test]
    fn an_execution_that_is_stopped_or_cancelled_waits_for_no_rule() {
        let mut story = Story::new(Queued, "Source: App | Deploy(entry fail window): Ship");
        story.start("e1").succeed("e1", "App").start("e2").succeed("e2", "App").forget();
        story.stop("e1");
        story.check(expect![[r#"
            e1 STOPPING
            e1 Deploy STOPPING
            stop e1 Deploy?window
            e1 Deploy?window Abandoned
            e1 Deploy STOPPED
            e1 STOPPED
            e2 Deploy STARTED
            evaluate e2 Deploy?window
        "#]]);
        story.start("e3").succeed("e3", "App").forget();
        story.update(Queued, "Source: App | Deploy: Ship");
        story.check(expect![[r#"
            e3 CANCELED
            stop e2 Deploy?window
            e2 Deploy?window Abandoned
            e2 Deploy CANCELED
            e2 CANCELED
        "#]]);
    }

    #[test]
    fn a_late_verdict_is_refused() {
        let mut story = Story::new(Superseded, "Source: App | Deploy(entry fail window+check): Ship");
        story.start("e1").succeed("e1", "App");
        let window = story.rule_execution("e1", "window");
        story.rule("e1", "window", Passed);
        story.refuses(|story| story.try_rule("e1", window, Failed), Refusal::RuleNotInProgress);
    }
}
