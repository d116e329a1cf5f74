//! A person decides a manual approval.

use crate::engine::flow::Step;
use crate::engine::ids::{ActionExecutionId, ApprovalToken, ExecutionId};
use crate::engine::refusal::Refusal;
use crate::engine::state::{ActionStatus, Position};

impl Step<'_> {
    /// Refuses an answer whose token is not that of this attempt, whatever the answer.
    pub(super) fn approval_answered(
        &mut self,
        execution: ExecutionId,
        action: ActionExecutionId,
        token: ApprovalToken,
        approved: bool,
    ) -> Result<(), Refusal> {
        let index = self.running_action(execution, action)?;
        let expected = match &self.live(execution)?.position {
            Position::Inside(run) => run.actions[index].as_ref().and_then(|action| action.token),
            Position::Inbound { .. } => None,
        };
        if expected != Some(token) {
            return Err(Refusal::InvalidApprovalToken);
        }
        let status = if approved { ActionStatus::Succeeded } else { ActionStatus::Failed };
        self.end_action(execution, index, status)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use uuid::Uuid;

    use crate::engine::ExecutionMode::Superseded;
    use crate::engine::story::Story;
    use crate::engine::{ApprovalToken, Refusal};

    #[test]
    fn an_approved_execution_goes_on() {
        let mut story = Story::new(Superseded, "Source: App | Gate: Ask! | Deploy: Ship");
        story.start("e1").succeed("e1", "App").forget();
        story.answer("e1", "Ask", true);
        story.check(expect![[r#"
            e1 Gate/Ask SUCCEEDED
            e1 Gate SUCCEEDED
            e1 Deploy STARTED
            start e1 Deploy/Ship
            e1 Deploy/Ship STARTED
        "#]]);
    }

    #[test]
    fn a_rejected_one_fails() {
        let mut story = Story::new(Superseded, "Source: App | Gate: Ask! | Deploy: Ship");
        story.start("e1").succeed("e1", "App").forget();
        story.answer("e1", "Ask", false);
        story.check(expect![[r#"
            e1 Gate/Ask FAILED
            e1 Gate FAILED
            e1 FAILED
        "#]]);
    }

    #[test]
    fn a_foreign_token_is_refused_and_so_is_one_for_an_action_without_any() {
        let mut story = Story::new(Superseded, "Source: App | Gate: Ask!");
        let foreign = ApprovalToken(Uuid::nil());
        story.start("e1");
        let app = story.action("e1", "App");
        story.refuses(|story| story.try_answer("e1", app, foreign), Refusal::InvalidApprovalToken);
        story.succeed("e1", "App");
        let ask = story.action("e1", "Ask");
        story.refuses(|story| story.try_answer("e1", ask, foreign), Refusal::InvalidApprovalToken);
    }

    #[test]
    fn the_second_answer_is_refused() {
        let mut story = Story::new(Superseded, "Source: App | Gate: Ask!, Other");
        story.start("e1").succeed("e1", "App");
        let (ask, token) = (story.action("e1", "Ask"), story.token("e1", "Ask"));
        story.answer("e1", "Ask", true);
        story.refuses(|story| story.try_answer("e1", ask, token), Refusal::ActionNotInProgress);
    }
}
