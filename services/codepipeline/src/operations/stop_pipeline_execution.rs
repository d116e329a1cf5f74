use aws::Ctx;
use codepipeline_model::{StopPipelineExecution, StopPipelineExecutionOutput};

use crate::CodePipeline;
use crate::driver::{self, Cause, Commit, Fault};
use crate::engine::{Event, ExecutionId, Refusal};
use crate::error::Error;

/// Stops an execution: its running actions are awaited, or abandoned.
/// Errors: `PipelineNotFound`, `PipelineExecutionNotStoppable`, `DuplicatedStopRequest`.
/// Source: CodePipeline API Reference, StopPipelineExecution.
pub(super) async fn stop_pipeline_execution(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: StopPipelineExecution,
) -> Result<StopPipelineExecutionOutput, Error> {
    let (scope, definitions, moment) = (ctx.scope.clone(), codepipeline.definitions.clone(), driver::now());
    let (name, id) = (input.pipeline_name.clone(), input.pipeline_execution_id.clone());
    let cause = Cause { by: Some(ctx.caller.principal.arn()), ..Cause::default() };
    let write = codepipeline.store.write(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.pipeline_name)?;
        let execution: ExecutionId = input
            .pipeline_execution_id
            .parse()
            .map_err(|_| Error::PipelineExecutionNotStoppable { id: input.pipeline_execution_id.clone() })?;
        let abandon = input.abandon.unwrap_or(false);
        let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
        commit.apply(Event::StopRequested { execution, abandon, reason: input.reason.clone() }, &cause)?;
        commit.finish()
    });
    let explained = |refusal: Refusal| Error::of_refusal(refusal, &name, &id, "");
    write.await.map_err(|fault: Fault| super::explain(fault, explained))?;
    Ok(StopPipelineExecutionOutput { pipeline_execution_id: Some(id) })
}
