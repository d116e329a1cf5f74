use aws::Ctx;
use codepipeline_model::{DisableStageTransition, DisableStageTransitionOutput, StageTransitionType};

use crate::CodePipeline;
use crate::driver::{self, Cause, Commit, Fault};
use crate::engine::{Event, TransitionType};
use crate::error::Error;

/// Keeps executions out of a stage, or from leaving it for the next one. May be called twice.
/// Errors: `PipelineNotFound`, `StageNotFound`. Source: CodePipeline API Reference, DisableStageTransition.
pub(super) async fn disable_stage_transition(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: DisableStageTransition,
) -> Result<DisableStageTransitionOutput, Error> {
    let event = Event::TransitionDisabled {
        stage: input.stage_name,
        transition: transition(&input.transition_type),
        reason: input.reason,
        by: ctx.caller.principal.arn(),
    };
    change(codepipeline, ctx, input.pipeline_name, event).await?;
    Ok(DisableStageTransitionOutput {})
}

/// Other values do not pass the gateway's validation.
pub(super) fn transition(given: &StageTransitionType) -> TransitionType {
    match given {
        StageTransitionType::Inbound | StageTransitionType::Other(_) => TransitionType::Inbound,
        StageTransitionType::Outbound => TransitionType::Outbound,
    }
}

pub(super) async fn change(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    name: String,
    event: Event,
) -> Result<(), Error> {
    let (scope, definitions, moment) = (ctx.scope.clone(), codepipeline.definitions.clone(), driver::now());
    let pipeline_name = name.clone();
    let write = codepipeline.store.write(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &pipeline_name)?;
        let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
        commit.apply(event.clone(), &Cause::default())?;
        commit.finish()
    });
    write
        .await
        .map_err(|fault: Fault| super::explain(fault, |refusal| Error::of_refusal(refusal, &name, "", "")))
}
