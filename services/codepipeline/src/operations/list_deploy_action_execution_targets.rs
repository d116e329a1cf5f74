use aws::{Ctx, Scope};
use codepipeline_model::{ListDeployActionExecutionTargets, ListDeployActionExecutionTargetsOutput};
use store::{Range, ReadTx};

use crate::CodePipeline;
use crate::engine::ActionExecutionId;
use crate::error::Error;
use crate::records::{ActionExecution, Pipeline};

/// Pipelines that are looked through at one time if none is named.
const AT_ONCE: usize = 100;

/// The instances that an action deploys to. Only the EC2 action has any: of all that is served here the list is empty.
/// Errors: `PipelineNotFound`, `ActionExecutionNotFound`, `InvalidNextToken`.
/// Source: CodePipeline API Reference, ListDeployActionExecutionTargets.
pub(super) async fn list_deploy_action_execution_targets(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: ListDeployActionExecutionTargets,
) -> Result<ListDeployActionExecutionTargetsOutput, Error> {
    // An empty list has no second page.
    if input.next_token.is_some() {
        return Err(Error::InvalidNextToken);
    }
    let scope = ctx.scope.clone();
    let read = codepipeline.store.read(move |tx| {
        let found = match &input.pipeline_name {
            Some(name) => {
                let pipeline = super::find_pipeline(tx, &scope, name)?;
                has_action(tx, &pipeline, &input.action_execution_id)?
            }
            None => is_anywhere(tx, &scope, &input.action_execution_id)?,
        };
        if found { Ok(()) } else { Err(Error::ActionExecutionNotFound(input.action_execution_id.clone())) }
    });
    read.await?;
    Ok(ListDeployActionExecutionTargetsOutput { targets: Some(Vec::new()), next_token: None })
}

fn has_action(tx: &mut ReadTx<'_>, pipeline: &Pipeline, id: &str) -> Result<bool, Error> {
    let Ok(id) = id.parse::<ActionExecutionId>() else { return Ok(false) };
    let index = ActionExecution::with_id(pipeline.id, id);
    Ok(!tx.scan_index::<ActionExecution>(ActionExecution::ID, index, 1)?.records.is_empty())
}

fn is_anywhere(tx: &mut ReadTx<'_>, scope: &Scope, id: &str) -> Result<bool, Error> {
    let mut start = None;
    loop {
        let range = Range::prefix(Pipeline::in_scope(scope)).after(start);
        let page = tx.scan::<Pipeline>(range, AT_ONCE)?;
        start = page.next.clone();
        for pipeline in page.into_records() {
            if has_action(tx, &pipeline, id)? {
                return Ok(true);
            }
        }
        if start.is_none() {
            return Ok(false);
        }
    }
}
