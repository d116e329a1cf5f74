use aws::Ctx;
use codepipeline_model::{RollbackStage, RollbackStageOutput};
use uuid::Uuid;

use crate::CodePipeline;
use crate::driver::{self, Cause, Commit, Fault};
use crate::engine::{Event, ExecutionId, Refusal, RollbackTarget};
use crate::error::Error;

/// Does in a stage once more what an earlier execution did there, as a new execution with the revisions, artifacts and
/// variables of the earlier one.
/// Errors: `PipelineNotFound`, `StageNotFound`, `PipelineExecutionNotFound`, `PipelineExecutionOutdated`,
/// `UnableToRollbackStage`. Source: CodePipeline API Reference, RollbackStage.
pub(super) async fn rollback_stage(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: RollbackStage,
) -> Result<RollbackStageOutput, Error> {
    let (scope, definitions) = (ctx.scope.clone(), codepipeline.definitions.clone());
    let (moment, id) = (driver::now(), ExecutionId(Uuid::new_v4()));
    let (name, stage, target) =
        (input.pipeline_name.clone(), input.stage_name.clone(), input.target_pipeline_execution_id.clone());
    let cause = Cause { by: Some(ctx.caller.principal.arn()), ..Cause::default() };
    let write = codepipeline.store.write(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.pipeline_name)?;
        let record = super::find_execution(tx, &pipeline, &input.target_pipeline_execution_id)?;
        let target = RollbackTarget {
            execution: record.id,
            version: record.version,
            is_rollback: record.rollback_target.is_some(),
            succeeded: record.succeeded_stages.contains(&input.stage_name),
        };
        let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
        let stage = input.stage_name.clone();
        commit.apply(Event::RollbackRequested { execution: id, stage, target }, &cause)?;
        if let Some(why) = commit.removed_input(id)? {
            let stage = input.stage_name.clone();
            return Err(Error::UnableToRollbackStage { stage, why: why.into() }.into());
        }
        commit.finish()
    });
    let explained = |refusal: Refusal| match refusal {
        Refusal::ConcurrentExecutionsLimit => {
            let why = "the pipeline has reached its limit of concurrent executions";
            Error::UnableToRollbackStage { stage: stage.clone(), why: why.into() }
        }
        other => Error::of_refusal(other, &name, &target, &stage),
    };
    write.await.map_err(|fault: Fault| super::explain(fault, explained))?;
    Ok(RollbackStageOutput { pipeline_execution_id: id.to_string() })
}
