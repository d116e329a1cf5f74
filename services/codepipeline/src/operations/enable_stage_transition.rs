use aws::Ctx;
use codepipeline_model::{EnableStageTransition, EnableStageTransitionOutput};

use super::disable_stage_transition::{change, transition};
use crate::CodePipeline;
use crate::engine::Event;
use crate::error::Error;

/// Lets executions into a stage again: who waits enters at once. May be called twice.
/// Errors: `PipelineNotFound`, `StageNotFound`. Source: CodePipeline API Reference, EnableStageTransition.
pub(super) async fn enable_stage_transition(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: EnableStageTransition,
) -> Result<EnableStageTransitionOutput, Error> {
    let event = Event::TransitionEnabled {
        stage: input.stage_name,
        transition: transition(&input.transition_type),
        by: ctx.caller.principal.arn(),
    };
    change(codepipeline, ctx, input.pipeline_name, event).await?;
    Ok(EnableStageTransitionOutput {})
}
