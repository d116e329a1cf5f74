//! The API: one operation, one file; one line here says what it is called and on what the policies are asked.

mod create_pipeline;
mod delete_pipeline;
mod disable_stage_transition;
mod enable_stage_transition;
mod get_pipeline;
mod get_pipeline_execution;
mod get_pipeline_state;
mod list_action_executions;
mod list_action_types;
mod list_pipeline_executions;
mod list_pipelines;
mod list_tags_for_resource;
mod put_approval_result;
mod retry_stage_execution;
pub(crate) mod start_pipeline_execution;
mod stop_pipeline_execution;
mod tag_resource;
mod untag_resource;
mod update_pipeline;

use std::sync::Arc;

use aws::{Access, Arn, Ctx, Router, Scope};
use codepipeline_model as model;
use store::{Key, ReadTx};

use crate::definition::Definition;
use crate::definitions::Definitions;
use crate::driver::Fault;
use crate::engine::ExecutionId;
use crate::error::Error;
use crate::records::{Execution, Pipeline};
use crate::{CodePipeline, PRINCIPAL};

/// Everything that is served. Source of the resources: Service Authorization Reference, CodePipeline.
pub fn router(codepipeline: Arc<CodePipeline>) -> Router {
    use model::*;
    Router::of(&CODEPIPELINE, codepipeline)
        .on::<CreatePipeline, _>(create_pipeline::create_pipeline, |op, scope| {
            let tags = op.tags.iter().flatten().map(|tag| (tag.key.as_str(), tag.value.as_str()));
            vec![
                Access::to(pipeline_arn(scope, &op.pipeline.name)).with_request_tags(tags),
                Access::pass_role(&op.pipeline.role_arn, PRINCIPAL),
            ]
        })
        .on::<UpdatePipeline, _>(update_pipeline::update_pipeline, |op, scope| {
            vec![
                Access::to(pipeline_arn(scope, &op.pipeline.name)),
                Access::pass_role(&op.pipeline.role_arn, PRINCIPAL),
            ]
        })
        .on::<DeletePipeline, _>(delete_pipeline::delete_pipeline, |op, scope| on_pipeline(scope, &op.name))
        .on::<GetPipeline, _>(get_pipeline::get_pipeline, |op, scope| on_pipeline(scope, &op.name))
        .on::<ListPipelines, _>(list_pipelines::list_pipelines, |_, _| vec![Access::any()])
        .on::<StartPipelineExecution, _>(start_pipeline_execution::start_pipeline_execution, |op, scope| {
            on_pipeline(scope, &op.name)
        })
        .on::<StopPipelineExecution, _>(stop_pipeline_execution::stop_pipeline_execution, |op, scope| {
            on_pipeline(scope, &op.pipeline_name)
        })
        .on::<RetryStageExecution, _>(retry_stage_execution::retry_stage_execution, |op, scope| {
            on_stage(scope, &op.pipeline_name, &op.stage_name)
        })
        .on::<GetPipelineState, _>(get_pipeline_state::get_pipeline_state, |op, scope| {
            on_pipeline(scope, &op.name)
        })
        .on::<GetPipelineExecution, _>(get_pipeline_execution::get_pipeline_execution, |op, scope| {
            on_pipeline(scope, &op.pipeline_name)
        })
        .on::<ListPipelineExecutions, _>(list_pipeline_executions::list_pipeline_executions, |op, scope| {
            on_pipeline(scope, &op.pipeline_name)
        })
        .on::<ListActionExecutions, _>(list_action_executions::list_action_executions, |op, scope| {
            on_pipeline(scope, &op.pipeline_name)
        })
        .on::<PutApprovalResult, _>(put_approval_result::put_approval_result, |op, scope| {
            let action = format!("{}/{}/{}", op.pipeline_name, op.stage_name, op.action_name);
            vec![Access::to(scope.arn("codepipeline", action))]
        })
        .on::<DisableStageTransition, _>(disable_stage_transition::disable_stage_transition, |op, scope| {
            on_stage(scope, &op.pipeline_name, &op.stage_name)
        })
        .on::<EnableStageTransition, _>(enable_stage_transition::enable_stage_transition, |op, scope| {
            on_stage(scope, &op.pipeline_name, &op.stage_name)
        })
        .on::<ListActionTypes, _>(list_action_types::list_action_types, |_, _| vec![Access::any()])
        .on::<TagResource, _>(tag_resource::tag_resource, |op, _| {
            let tags = op.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()));
            vec![Access::to(&op.resource_arn).with_request_tags(tags)]
        })
        .on::<UntagResource, _>(untag_resource::untag_resource, |op, _| vec![Access::to(&op.resource_arn)])
        .on::<ListTagsForResource, _>(list_tags_for_resource::list_tags_for_resource, |op, _| {
            vec![Access::to(&op.resource_arn)]
        })
        .build()
}

fn pipeline_arn(scope: &Scope, name: &str) -> Arn {
    scope.arn("codepipeline", name)
}

fn on_pipeline(scope: &Scope, name: &str) -> Vec<Access> {
    vec![Access::to(pipeline_arn(scope, name))]
}

fn on_stage(scope: &Scope, pipeline: &str, stage: &str) -> Vec<Access> {
    vec![Access::to(scope.arn("codepipeline", format!("{pipeline}/{stage}")))]
}

/// The pipeline of a name. Errors: `PipelineNotFound`.
fn find_pipeline(tx: &mut ReadTx<'_>, scope: &Scope, name: &str) -> Result<Pipeline, Error> {
    let found = tx.get::<Pipeline>(&Pipeline::key_of(scope, name))?;
    found
        .map(store::Versioned::into_inner)
        .ok_or_else(|| Error::PipelineNotFound { account: scope.account.to_string(), name: name.to_owned() })
}

/// The definition that new executions run on.
fn current_definition(
    tx: &mut ReadTx<'_>,
    definitions: &Definitions,
    pipeline: &Pipeline,
) -> Result<Arc<Definition>, Error> {
    let found = definitions.get(tx, pipeline.id, pipeline.version)?;
    found.ok_or_else(|| Error::internal("a pipeline has no definition"))
}

/// An execution of a pipeline. Errors: `PipelineExecutionNotFound`.
fn find_execution(tx: &mut ReadTx<'_>, pipeline: &Pipeline, id: &str) -> Result<Execution, Error> {
    let not_found =
        || Error::PipelineExecutionNotFound { pipeline: pipeline.name.clone(), id: id.to_owned() };
    let execution: ExecutionId = id.parse().map_err(|_| not_found())?;
    let index = Execution::with_id(pipeline.id, execution);
    let page = tx.scan_index::<Execution>(Execution::ID, index, 1)?;
    page.into_records().into_iter().next().ok_or_else(not_found)
}

/// Where a page begins. Errors: `InvalidNextToken`.
fn page_start(ctx: &Ctx, token: Option<&String>) -> Result<Option<Key>, Error> {
    let Some(token) = token else { return Ok(None) };
    let position = ctx.open_page_token(token).ok_or(Error::InvalidNextToken)?;
    Key::from_bytes(position).map(Some).map_err(|_| Error::InvalidNextToken)
}

/// The token with which the next page is asked for.
fn page_end(ctx: &Ctx, next: Option<Key>) -> Option<String> {
    next.map(|key| ctx.seal_page_token(key.as_bytes()))
}

/// How many entries a page has; the model bounds it from below and above.
fn page_size(asked: Option<i32>, most: usize) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(most).clamp(1, most)
}

/// The error of a fault; `of_refusal` says what a refusal means to the caller.
fn explain(fault: Fault, of_refusal: impl FnOnce(crate::engine::Refusal) -> Error) -> Error {
    match fault {
        Fault::Refused(refusal) => of_refusal(refusal),
        Fault::Error(error) => error,
    }
}

/// The pipeline that an ARN names. Errors: `InvalidArn`, `ResourceNotFound`.
fn find_tagged(tx: &mut ReadTx<'_>, scope: &Scope, arn: &str) -> Result<Pipeline, Error> {
    let parsed: Arn = arn.parse().map_err(|_| Error::InvalidArn(arn.to_owned()))?;
    let here = scope.arn("codepipeline", &parsed.resource);
    if parsed.service != here.service {
        return Err(Error::InvalidArn(arn.to_owned()));
    }
    let not_found = || Error::ResourceNotFound(arn.to_owned());
    if parsed != here {
        return Err(not_found());
    }
    find_pipeline(tx, scope, &parsed.resource).map_err(|error| match error {
        Error::PipelineNotFound { .. } => not_found(),
        other => other,
    })
}
