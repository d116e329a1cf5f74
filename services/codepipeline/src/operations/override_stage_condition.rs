use aws::Ctx;
use codepipeline_model::{ConditionType as Declared, OverrideStageCondition, OverrideStageConditionOutput};

use super::of_stage::OfStage;
use crate::CodePipeline;
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
    let condition = match input.condition_type {
        Declared::OnSuccess => ConditionType::OnSuccess,
        // Other values do not pass the gateway's validation.
        Declared::BeforeEntry | Declared::Other(_) => ConditionType::BeforeEntry,
    };
    let (name, id, stage) = (input.pipeline_name, input.pipeline_execution_id, input.stage_name);
    let of = OfStage { pipeline: name.clone(), execution: id.clone(), stage: stage.clone() };
    let event =
        move |execution, stage, ended| Event::ConditionOverridden { execution, stage, condition, ended };
    let refused = |stage, why| Error::ConditionNotOverridable { stage, why };
    let explained = |refusal: Refusal| match refusal {
        // Those with which a stage retry would be refused for the same reason.
        Refusal::StageNotRetryable { stage, why } => refused(stage, why.into()),
        Refusal::ExecutionNotInProgress(_) => refused(stage, "the execution has ended".into()),
        other => Error::of_refusal(other, &name, &id, &stage),
    };
    of.ask(codepipeline, ctx, refused, event, explained).await?;
    Ok(OverrideStageConditionOutput {})
}
