use aws::Ctx;
use codepipeline_model::{ApprovalStatus, PutApprovalResult, PutApprovalResultOutput};
use store::ReadTx;

use crate::CodePipeline;
use crate::definition::Definition;
use crate::driver::{self, Cause, Commit, Fault};
use crate::engine::{ActionStatus, ApprovalToken, Event, Refusal};
use crate::error::Error;
use crate::providers::Report;
use crate::records::{ActionExecution, Pipeline};

/// Answers a manual approval: approved, its execution goes on; rejected, it fails.
/// Errors: `PipelineNotFound`, `StageNotFound`, `ActionNotFound`, `InvalidApprovalToken`, `ApprovalAlreadyCompleted`.
/// Source: CodePipeline API Reference, PutApprovalResult.
pub(super) async fn put_approval_result(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: PutApprovalResult,
) -> Result<PutApprovalResultOutput, Error> {
    let (scope, definitions, moment) = (ctx.scope.clone(), codepipeline.definitions.clone(), driver::now());
    let summary = Some(input.result.summary.clone()).filter(|summary| !summary.is_empty());
    let cause = Cause {
        by: Some(ctx.caller.principal.arn()),
        report: Report { summary, ..Report::default() },
        ..Cause::default()
    };
    let (name, action) = (input.pipeline_name.clone(), input.action_name.clone());
    let write = codepipeline.store.write(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.pipeline_name)?;
        let definition = super::current_definition(tx, &definitions, &pipeline)?;
        let (approval, token) = find_approval(tx, &pipeline, &definition, &input)?;
        let approved = input.result.status == ApprovalStatus::Approved;
        let (execution, action) = (approval.execution, approval.id);
        let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
        commit.apply(Event::ApprovalAnswered { execution, action, token, approved }, &cause)?;
        commit.finish()
    });
    let explained = |refusal: Refusal| match refusal {
        // Its execution was stopped, or ended otherwise, before the answer came.
        Refusal::ExecutionNotInProgress(_) => Error::ApprovalAlreadyCompleted { action: action.clone() },
        other => Error::of_refusal(other, &name, "", &action),
    };
    write.await.map_err(|fault: Fault| super::explain(fault, explained))?;
    Ok(PutApprovalResultOutput { approved_at: Some(ctx.now()) })
}

/// The approval that waits for this token.
fn find_approval(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    definition: &Definition,
    input: &PutApprovalResult,
) -> Result<(ActionExecution, ApprovalToken), Error> {
    let (stage, action) = (input.stage_name.clone(), input.action_name.clone());
    let invalid = || Error::InvalidApprovalToken { action: action.clone() };
    let token: Option<ApprovalToken> = input.token.parse().ok();
    let approval = match token {
        Some(token) => {
            let index = ActionExecution::with_token(pipeline.id, token);
            let page = tx.scan_index::<ActionExecution>(ActionExecution::TOKEN, index, 1)?;
            page.into_records().into_iter().next()
        }
        None => None,
    };
    let approval = approval.filter(|found| found.stage == stage && found.action == action);
    let Some(approval) = approval else {
        // One of an execution on an earlier definition need not be in that of today.
        let pipeline_name = || pipeline.name.clone();
        if definition.stage(&stage).is_none() {
            return Err(Error::StageNotFound { pipeline: pipeline_name(), stage });
        }
        if definition.action(&stage, &action).is_none() {
            return Err(Error::ActionNotFound { pipeline: pipeline_name(), stage, action });
        }
        return Err(invalid());
    };
    match (approval.status, token) {
        (ActionStatus::InProgress, Some(token)) => Ok((approval, token)),
        (ActionStatus::InProgress, None) => Err(invalid()),
        (ActionStatus::Succeeded | ActionStatus::Failed | ActionStatus::Abandoned, _) => {
            Err(Error::ApprovalAlreadyCompleted { action: action.clone() })
        }
    }
}
