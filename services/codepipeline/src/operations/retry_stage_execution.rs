use aws::Ctx;
use codepipeline_model::{RetryStageExecution, RetryStageExecutionOutput, StageRetryMode};

use super::of_stage::OfStage;
use crate::CodePipeline;
use crate::engine::{Event, RetryMode};
use crate::error::Error;

/// Runs a stage again in which an execution failed or was stopped; the execution keeps its id and goes on from there.
/// Errors: `PipelineNotFound`, `StageNotFound`, `StageNotRetryable`, `NotLatestPipelineExecution`,
/// `ConcurrentPipelineExecutionsLimitExceeded`. Source: CodePipeline API Reference, RetryStageExecution.
pub(super) async fn retry_stage_execution(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: RetryStageExecution,
) -> Result<RetryStageExecutionOutput, Error> {
    let mode = match input.retry_mode {
        StageRetryMode::AllActions => RetryMode::AllActions,
        // Other values do not pass the gateway's validation.
        StageRetryMode::FailedActions | StageRetryMode::Other(_) => RetryMode::FailedActions,
    };
    let (name, id, stage) = (input.pipeline_name, input.pipeline_execution_id, input.stage_name);
    let of = OfStage { pipeline: name.clone(), execution: id.clone(), stage: stage.clone() };
    let event = move |execution, stage, ended| Event::StageRetryRequested { execution, stage, mode, ended };
    let refused = |stage, why| Error::StageNotRetryable { stage, why };
    let explained = |refusal| Error::of_refusal(refusal, &name, &id, &stage);
    of.ask(codepipeline, ctx, refused, event, explained).await?;
    Ok(RetryStageExecutionOutput { pipeline_execution_id: Some(id) })
}
