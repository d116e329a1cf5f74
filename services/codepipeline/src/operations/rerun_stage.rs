use aws::Ctx;
use codepipeline_model::{RerunStage, RerunStageOutput};
use store::ReadTx;
use uuid::Uuid;

use super::start_pipeline_execution::{trigger, variables_again};
use crate::CodePipeline;
use crate::driver::{self, Cause, Commit, Fault, NewExecution};
use crate::engine::{Event, ExecutionId, Refusal};
use crate::error::Error;
use crate::records::{Execution, Pipeline, Rerun};

/// Takes up the work of an earlier execution in the middle: a new execution begins at a stage, or runs one action of it
/// alone, with the source revisions, artifacts and variables of the earlier one, on the definition of today. With the
/// same client request token it answers the same execution again. AWS has nothing like it.
/// Errors: `PipelineNotFound`, `PipelineExecutionNotFound`, `StageNotFound`, `ActionNotFound`, `StageNotRerunnable`,
/// `ConcurrentPipelineExecutionsLimitExceeded`.
pub(super) async fn rerun_stage(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: RerunStage,
) -> Result<RerunStageOutput, Error> {
    let (scope, definitions) = (ctx.scope.clone(), codepipeline.definitions.clone());
    let (moment, id) = (driver::now(), ExecutionId(Uuid::new_v4()));
    let trigger = trigger(ctx);
    let (name, stage) = (input.pipeline_name.clone(), input.stage_name.clone());
    let of = input.pipeline_execution_id.clone().unwrap_or_default();
    let write = codepipeline.store.write(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.pipeline_name)?;
        if let Some(before) = super::with_token(tx, &pipeline, input.client_request_token.as_deref())? {
            return Ok(before);
        }
        let base = base(tx, &pipeline, input.pipeline_execution_id.as_deref())?;
        let definition = super::current_definition(tx, &definitions, &pipeline)?;
        let new = NewExecution {
            trigger: trigger.clone(),
            variables: variables_again(&definition, &base.variables)?,
            overrides: base.overrides.clone(),
            client_request_token: input.client_request_token.clone(),
        };
        let (stage, action) = (input.stage_name.clone(), input.action_name.clone());
        let rerun = Rerun { of: base.id, stage: stage.clone(), action: action.clone() };
        let ended = super::ended(tx, &definitions, &pipeline, &base)?;
        let cause = Cause { start: Some(new), rerun: Some(rerun), ..Cause::default() };
        let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
        commit.apply(Event::RerunRequested { execution: id, of: base.id, stage, action, ended }, &cause)?;
        if let Some(why) = commit.removed_input(id)? {
            let stage = input.stage_name.clone();
            return Err(Error::StageNotRerunnable { stage, why: why.into() }.into());
        }
        commit.finish()?;
        Ok::<_, Fault>(id)
    });
    let explained = |refusal: Refusal| Error::of_refusal(refusal, &name, &of, &stage);
    let id = write.await.map_err(|fault| super::explain(fault, explained))?;
    Ok(RerunStageOutput { pipeline_execution_id: id.to_string() })
}

/// The execution whose work is taken up: the one of an id, or the one that was started last.
fn base(tx: &mut ReadTx<'_>, pipeline: &Pipeline, id: Option<&str>) -> Result<Execution, Error> {
    match id {
        Some(id) => super::find_execution(tx, pipeline, id),
        None => super::newest_execution(tx, pipeline)?.ok_or_else(|| Error::PipelineExecutionNotFound {
            pipeline: pipeline.name.clone(),
            id: "newest".to_owned(),
        }),
    }
}
