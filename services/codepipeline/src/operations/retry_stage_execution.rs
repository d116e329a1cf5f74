use aws::Ctx;
use codepipeline_model::{RetryStageExecution, RetryStageExecutionOutput, StageRetryMode};

use crate::CodePipeline;
use crate::driver::{self, Cause, Commit, Fault};
use crate::engine::{Event, Refusal, RetryMode};
use crate::error::Error;

/// Runs a stage again in which an execution failed or was stopped; the execution keeps its id and goes on from there.
/// Errors: `PipelineNotFound`, `StageNotFound`, `StageNotRetryable`, `NotLatestPipelineExecution`,
/// `ConcurrentPipelineExecutionsLimitExceeded`. Source: CodePipeline API Reference, RetryStageExecution.
pub(super) async fn retry_stage_execution(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: RetryStageExecution,
) -> Result<RetryStageExecutionOutput, Error> {
    let (scope, definitions, moment) = (ctx.scope.clone(), codepipeline.definitions.clone(), driver::now());
    let mode = match input.retry_mode {
        StageRetryMode::AllActions => RetryMode::AllActions,
        // Other values do not pass the gateway's validation.
        StageRetryMode::FailedActions | StageRetryMode::Other(_) => RetryMode::FailedActions,
    };
    let (name, id, stage) =
        (input.pipeline_name.clone(), input.pipeline_execution_id.clone(), input.stage_name.clone());
    let cause = Cause { by: Some(ctx.caller.principal.arn()), ..Cause::default() };
    let write = codepipeline.store.write(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.pipeline_name)?;
        let unknown = |error| match error {
            Error::PipelineExecutionNotFound { .. } => Error::StageNotRetryable {
                stage: input.stage_name.clone(),
                why: "the pipeline does not have this execution".into(),
            },
            other => other,
        };
        let record = super::find_execution(tx, &pipeline, &input.pipeline_execution_id).map_err(unknown)?;
        let ended = super::ended(tx, &definitions, &pipeline, &record)?;
        let stage = input.stage_name.clone();
        let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
        commit.apply(Event::StageRetryRequested { execution: record.id, stage, mode, ended }, &cause)?;
        if let Some(why) = commit.removed_input(record.id)? {
            let stage = input.stage_name.clone();
            return Err(Error::StageNotRetryable { stage, why: why.into() }.into());
        }
        commit.finish()
    });
    let explained = |refusal: Refusal| Error::of_refusal(refusal, &name, &id, &stage);
    write.await.map_err(|fault: Fault| super::explain(fault, explained))?;
    Ok(RetryStageExecutionOutput { pipeline_execution_id: Some(id) })
}
