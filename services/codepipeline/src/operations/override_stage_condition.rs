use aws::Ctx;
use codepipeline_model::{ConditionType as Declared, OverrideStageCondition, OverrideStageConditionOutput};

use crate::CodePipeline;
use crate::driver::{self, Cause, Commit, Fault};
use crate::engine::{ConditionType, Event, Refusal};
use crate::error::Error;

/// Lets an execution pass the condition that it waits for, or that has failed it.
/// Errors: `PipelineNotFound`, `StageNotFound`, `ConditionNotOverridable`, `NotLatestPipelineExecution`,
/// `ConcurrentPipelineExecutionsLimitExceeded`. Source: CodePipeline API Reference, OverrideStageCondition.
pub(super) async fn override_stage_condition(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: OverrideStageCondition,
) -> Result<OverrideStageConditionOutput, Error> {
    let (scope, definitions, moment) = (ctx.scope.clone(), codepipeline.definitions.clone(), driver::now());
    let condition = match input.condition_type {
        Declared::OnSuccess => ConditionType::OnSuccess,
        // Other values do not pass the gateway's validation.
        Declared::BeforeEntry | Declared::Other(_) => ConditionType::BeforeEntry,
    };
    let (name, id, stage) =
        (input.pipeline_name.clone(), input.pipeline_execution_id.clone(), input.stage_name.clone());
    let cause = Cause { by: Some(ctx.caller.principal.arn()), ..Cause::default() };
    let write = codepipeline.store.write(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.pipeline_name)?;
        let unknown = |error| match error {
            Error::PipelineExecutionNotFound { .. } => Error::ConditionNotOverridable {
                stage: input.stage_name.clone(),
                why: "the pipeline does not have this execution",
            },
            other => other,
        };
        let record = super::find_execution(tx, &pipeline, &input.pipeline_execution_id).map_err(unknown)?;
        let ended = super::ended(tx, &definitions, &pipeline, &record)?;
        let stage = input.stage_name.clone();
        let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
        commit.apply(Event::ConditionOverridden { execution: record.id, stage, condition, ended }, &cause)?;
        commit.finish()
    });
    let explained = |refusal: Refusal| match refusal {
        // Those with which a stage retry would be refused for the same reason.
        Refusal::StageNotRetryable { stage, why } => Error::ConditionNotOverridable { stage, why },
        Refusal::ExecutionNotInProgress(_) => {
            Error::ConditionNotOverridable { stage: stage.clone(), why: "the execution has ended" }
        }
        other => Error::of_refusal(other, &name, &id, &stage),
    };
    write.await.map_err(|fault: Fault| super::explain(fault, explained))?;
    Ok(OverrideStageConditionOutput {})
}
