//! The API: one operation, one file; one line here says what it is called and on what the policies are asked.

mod acknowledge_job;
mod acknowledge_third_party_job;
mod attempts;
mod clean_up_artifacts;
mod create_custom_action_type;
mod create_pipeline;
mod delete_custom_action_type;
mod delete_pipeline;
mod delete_webhook;
mod deregister_webhook_with_third_party;
mod describe_pipeline_execution;
mod disable_stage_transition;
mod enable_stage_transition;
mod get_action_type;
mod get_job_details;
mod get_pipeline;
mod get_pipeline_execution;
mod get_pipeline_state;
mod get_third_party_job_details;
mod list_action_executions;
mod list_action_types;
mod list_deploy_action_execution_targets;
mod list_pipeline_executions;
mod list_pipelines;
mod list_rule_executions;
mod list_rule_types;
mod list_tags_for_resource;
mod list_webhooks;
mod of_stage;
mod override_stage_condition;
mod poll_for_jobs;
mod poll_for_third_party_jobs;
mod put_action_revision;
mod put_approval_result;
mod put_job_failure_result;
mod put_job_success_result;
mod put_third_party_job_failure_result;
mod put_third_party_job_success_result;
mod put_webhook;
mod register_webhook_with_third_party;
mod rerun_stage;
mod retry_stage_execution;
mod rollback_stage;
pub(crate) mod start_pipeline_execution;
mod stop_pipeline_execution;
mod tag_resource;
mod untag_resource;
mod update_action_type;
mod update_pipeline;
mod validate_pipeline;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::{Access, Arn, Ctx, Hide, Router, Scope};
use codepipeline_model as model;
use serde_json::Value;
use store::{Key, ReadTx, WriteTx};

use crate::catalogue::{ActionTypes, Owner};
use crate::definition::Definition;
use crate::definitions::Definitions;
use crate::driver::Fault;
use crate::engine::{Ended, ExecutionId};
use crate::error::Error;
use crate::providers::Trouble;
use crate::records::{self, Execution, Pipeline, action_type};
use crate::{CodePipeline, PRINCIPAL, jobs, secrets, triggers};

pub(crate) use create_custom_action_type::LIMIT as CUSTOM_ACTION_TYPES;

/// Everything that is served. Source of the resources: Service Authorization Reference, CodePipeline.
pub fn router(codepipeline: Arc<CodePipeline>) -> Router {
    use model::*;
    let secrets = Arc::new(SecretsOfCalls(codepipeline.clone()));
    Router::of(&CODEPIPELINE, codepipeline)
        .hiding(secrets, &["CreatePipeline", "UpdatePipeline", "ValidatePipeline", "PollForJobs"])
        .on::<CreatePipeline, _>(create_pipeline::create_pipeline, |op, scope| {
            let tags = op.tags.iter().flatten().map(|tag| (tag.key.as_str(), tag.value.as_str()));
            let mut accesses = vec![
                Access::to(pipeline_arn(scope, &op.pipeline.name)).with_request_tags(tags),
                Access::pass_role(&op.pipeline.role_arn, PRINCIPAL),
            ];
            accesses.extend(pass_connections(&op.pipeline));
            accesses
        })
        .on::<UpdatePipeline, _>(update_pipeline::update_pipeline, |op, scope| {
            let mut accesses = vec![
                Access::to(pipeline_arn(scope, &op.pipeline.name)),
                Access::pass_role(&op.pipeline.role_arn, PRINCIPAL),
            ];
            accesses.extend(pass_connections(&op.pipeline));
            accesses
        })
        .on::<CleanUpArtifacts, _>(clean_up_artifacts::clean_up_artifacts, |op, scope| {
            on_pipeline(scope, &op.pipeline_name)
        })
        .on::<ValidatePipeline, _>(validate_pipeline::validate_pipeline, |op, scope| {
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
        .on::<RerunStage, _>(rerun_stage::rerun_stage, |op, scope| match &op.action_name {
            Some(action) => on_action(scope, &op.pipeline_name, &op.stage_name, action),
            None => on_stage(scope, &op.pipeline_name, &op.stage_name),
        })
        .on::<RollbackStage, _>(rollback_stage::rollback_stage, |op, scope| {
            on_stage(scope, &op.pipeline_name, &op.stage_name)
        })
        .on::<OverrideStageCondition, _>(override_stage_condition::override_stage_condition, |op, scope| {
            on_stage(scope, &op.pipeline_name, &op.stage_name)
        })
        .on::<ListRuleTypes, _>(list_rule_types::list_rule_types, |_, _| vec![Access::any()])
        .on::<ListRuleExecutions, _>(list_rule_executions::list_rule_executions, |op, scope| {
            on_pipeline(scope, &op.pipeline_name)
        })
        .on::<ListDeployActionExecutionTargets, _>(
            list_deploy_action_execution_targets::list_deploy_action_execution_targets,
            |op, scope| match &op.pipeline_name {
                Some(pipeline) => on_pipeline(scope, pipeline),
                None => vec![Access::any()],
            },
        )
        .on::<GetPipelineState, _>(get_pipeline_state::get_pipeline_state, |op, scope| {
            on_pipeline(scope, &op.name)
        })
        .on::<DescribePipelineExecution, _>(
            describe_pipeline_execution::describe_pipeline_execution,
            |op, scope| on_pipeline(scope, &op.pipeline_name),
        )
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
            on_action(scope, &op.pipeline_name, &op.stage_name, &op.action_name)
        })
        .on::<DisableStageTransition, _>(disable_stage_transition::disable_stage_transition, |op, scope| {
            on_stage(scope, &op.pipeline_name, &op.stage_name)
        })
        .on::<EnableStageTransition, _>(enable_stage_transition::enable_stage_transition, |op, scope| {
            on_stage(scope, &op.pipeline_name, &op.stage_name)
        })
        .on::<ListActionTypes, _>(list_action_types::list_action_types, |_, _| vec![Access::any()])
        .on::<CreateCustomActionType, _>(create_custom_action_type::create_custom_action_type, |op, scope| {
            let tags = op.tags.iter().flatten().map(|tag| (tag.key.as_str(), tag.value.as_str()));
            let id = custom_id(&op.category, &op.provider, &op.version);
            vec![Access::to(action_type::arn(scope, &id)).with_request_tags(tags)]
        })
        .on::<DeleteCustomActionType, _>(delete_custom_action_type::delete_custom_action_type, |op, scope| {
            on_action_type(scope, &custom_id(&op.category, &op.provider, &op.version))
        })
        .on::<GetActionType, _>(get_action_type::get_action_type, |op, scope| {
            let id = action_type_id(&op.category, &op.owner, &op.provider, &op.version);
            on_action_type(scope, &id)
        })
        .on::<UpdateActionType, _>(update_action_type::update_action_type, |op, scope| {
            let id = &op.action_type.id;
            on_action_type(scope, &action_type_id(&id.category, &id.owner, &id.provider, &id.version))
        })
        .on::<PollForJobs, _>(poll_for_jobs::poll_for_jobs, |op, scope| {
            on_action_type(scope, &op.action_type_id)
        })
        .on::<AcknowledgeJob, _>(acknowledge_job::acknowledge_job, |_, _| vec![Access::any()])
        .on::<GetJobDetails, _>(get_job_details::get_job_details, |_, _| vec![Access::any()])
        .on::<PutJobSuccessResult, _>(put_job_success_result::put_job_success_result, |_, _| {
            vec![Access::any()]
        })
        .on::<PutJobFailureResult, _>(put_job_failure_result::put_job_failure_result, |_, _| {
            vec![Access::any()]
        })
        .on::<PollForThirdPartyJobs, _>(poll_for_third_party_jobs::poll_for_third_party_jobs, |op, scope| {
            on_action_type(scope, &op.action_type_id)
        })
        .on::<AcknowledgeThirdPartyJob, _>(
            acknowledge_third_party_job::acknowledge_third_party_job,
            |_, _| vec![Access::any()],
        )
        .on::<GetThirdPartyJobDetails, _>(get_third_party_job_details::get_third_party_job_details, |_, _| {
            vec![Access::any()]
        })
        .on::<PutThirdPartyJobSuccessResult, _>(
            put_third_party_job_success_result::put_third_party_job_success_result,
            |_, _| vec![Access::any()],
        )
        .on::<PutThirdPartyJobFailureResult, _>(
            put_third_party_job_failure_result::put_third_party_job_failure_result,
            |_, _| vec![Access::any()],
        )
        .on::<PutActionRevision, _>(put_action_revision::put_action_revision, |op, scope| {
            on_action(scope, &op.pipeline_name, &op.stage_name, &op.action_name)
        })
        .on::<PutWebhook, _>(put_webhook::put_webhook, |op, scope| {
            let tags = op.tags.iter().flatten().map(|tag| (tag.key.as_str(), tag.value.as_str()));
            vec![
                Access::to(records::webhook::arn(scope, &op.webhook.name)).with_request_tags(tags),
                Access::to(pipeline_arn(scope, &op.webhook.target_pipeline)),
            ]
        })
        .on::<ListWebhooks, _>(list_webhooks::list_webhooks, |_, _| vec![Access::any()])
        .on::<DeleteWebhook, _>(delete_webhook::delete_webhook, |op, scope| on_webhook(scope, &op.name))
        .on::<RegisterWebhookWithThirdParty, _>(
            register_webhook_with_third_party::register_webhook_with_third_party,
            |op, scope| on_webhook(scope, op.webhook_name.as_deref().unwrap_or_default()),
        )
        .on::<DeregisterWebhookWithThirdParty, _>(
            deregister_webhook_with_third_party::deregister_webhook_with_third_party,
            |op, scope| on_webhook(scope, op.webhook_name.as_deref().unwrap_or_default()),
        )
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

/// `PassConnection` on each connection that a pipeline is given, under the service's name in its ARN.
/// Source: Developer Tools console User Guide, "Permissions for passing a connection to other services".
fn pass_connections(declaration: &model::PipelineDeclaration) -> impl Iterator<Item = Access> {
    let actions = declaration.stages.iter().flat_map(|stage| &stage.actions);
    let connected = actions.filter(|action| action.action_type_id.provider == triggers::PROVIDER);
    let arns = connected.filter_map(|action| action.configuration.as_ref()?.get("ConnectionArn"));
    arns.map(|arn| {
        let service =
            arn.parse::<Arn>().map_or_else(|_| "codestar-connections".to_owned(), |arn| arn.service);
        Access::to(arn)
            .action(&format!("{service}:PassConnection"))
            .when(&format!("{service}:PassedToService"), PRINCIPAL)
    })
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

fn on_action(scope: &Scope, pipeline: &str, stage: &str, action: &str) -> Vec<Access> {
    vec![Access::to(scope.arn("codepipeline", format!("{pipeline}/{stage}/{action}")))]
}

fn on_webhook(scope: &Scope, name: &str) -> Vec<Access> {
    vec![Access::to(records::webhook::arn(scope, name))]
}

fn on_action_type(scope: &Scope, id: &model::ActionTypeId) -> Vec<Access> {
    vec![Access::to(action_type::arn(scope, id))]
}

fn custom_id(category: &model::ActionCategory, provider: &str, version: &str) -> model::ActionTypeId {
    action_type_id(category, Owner::Custom.as_str(), provider, version)
}

fn action_type_id(
    category: &model::ActionCategory,
    owner: &str,
    provider: &str,
    version: &str,
) -> model::ActionTypeId {
    model::ActionTypeId {
        category: category.clone(),
        owner: owner.into(),
        provider: provider.to_owned(),
        version: version.to_owned(),
    }
}

/// The pipeline of a name. Errors: `PipelineNotFound`.
pub(crate) fn find_pipeline(tx: &mut ReadTx<'_>, scope: &Scope, name: &str) -> Result<Pipeline, Error> {
    let found = tx.get::<Pipeline>(&Pipeline::key_of(scope, name))?;
    found
        .map(store::Versioned::into_inner)
        .ok_or_else(|| Error::PipelineNotFound { account: scope.account.to_string(), name: name.to_owned() })
}

/// The webhook of a name. Errors: `WebhookNotFound`.
pub(crate) fn find_webhook(
    tx: &mut ReadTx<'_>,
    scope: &Scope,
    name: &str,
) -> Result<records::Webhook, Error> {
    let found = tx.get::<records::Webhook>(&records::Webhook::key_of(scope, name))?;
    found
        .map(store::Versioned::into_inner)
        .ok_or_else(|| Error::WebhookNotFound { account: scope.account.to_string(), name: name.to_owned() })
}

/// The definition that new executions run on.
pub(crate) fn current_definition(
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

/// The execution that was started last.
pub(crate) fn newest_execution(tx: &mut ReadTx<'_>, pipeline: &Pipeline) -> Result<Option<Execution>, Error> {
    let newest_first = store::Range::prefix(Execution::of_pipeline(pipeline.id)).descending();
    Ok(tx.scan::<Execution>(newest_first, 1)?.into_records().into_iter().next())
}

/// The execution that was started with a client request token.
fn with_token(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    token: Option<&str>,
) -> Result<Option<ExecutionId>, Error> {
    let Some(token) = token else { return Ok(None) };
    let index = Execution::with_token(pipeline.id, token);
    Ok(tx.scan_index::<Execution>(Execution::TOKEN, index, 1)?.records.first().map(|before| before.id))
}

/// An execution as it was when it ended, for the engine to take up again; none of one in progress.
fn ended(
    tx: &mut ReadTx<'_>,
    definitions: &Definitions,
    pipeline: &Pipeline,
    record: &Execution,
) -> Result<Option<Ended>, Error> {
    let Some(execution) = &record.ended else { return Ok(None) };
    let definition = definitions.get(tx, pipeline.id, execution.version)?;
    Ok(definition
        .map(|definition| Ended { execution: Box::new(execution.clone()), plan: definition.plan.clone() }))
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

/// Credentials for a worker that asks for them again. Errors: what the role refuses them with.
async fn fresh_credentials(
    codepipeline: &CodePipeline,
    context: &jobs::Context,
) -> Result<Option<aws::Credentials>, Error> {
    context.credentials(codepipeline).await.map_err(|trouble| match trouble {
        Trouble::Refused(error) => {
            Error::Validation(format!("The job has no credentials any more: {}", error.message))
        }
        Trouble::Unavailable(why) => Error::internal(why),
    })
}

/// Hides the secrets of action configuration in the audit records of calls that carry some.
struct SecretsOfCalls(Arc<CodePipeline>);

#[async_trait::async_trait]
impl Hide for SecretsOfCalls {
    async fn hide(&self, ctx: &Ctx, parameters: &mut Value, response: &mut Value) {
        if let Some(jobs) = response.get_mut("jobs") {
            secrets::hide_in_jobs(jobs);
        }
        if let Some(stages) = parameters.pointer_mut("/pipeline/stages") {
            let scope = ctx.scope.clone();
            let own = self.0.store.read(move |tx| records::ActionType::all_of(tx, &scope));
            // Types that cannot be looked up are unknown, and of unknown ones nothing is shown.
            let own = own.await.unwrap_or_default();
            secrets::hide(stages, &ActionTypes::with(own));
        }
    }
}

/// What has tags.
enum Tagged {
    Pipeline(Box<Pipeline>),
    ActionType(Box<records::ActionType>),
    Webhook(Box<records::Webhook>),
}

impl Tagged {
    /// What an ARN names. Errors: `InvalidArn`, `ResourceNotFound`.
    fn find(tx: &mut ReadTx<'_>, scope: &Scope, arn: &str) -> Result<Self, Error> {
        let parsed: Arn = arn.parse().map_err(|_| Error::InvalidArn(arn.to_owned()))?;
        let here = scope.arn("codepipeline", &parsed.resource);
        if parsed.service != here.service {
            return Err(Error::InvalidArn(arn.to_owned()));
        }
        let not_found = || Error::ResourceNotFound(arn.to_owned());
        if parsed != here {
            return Err(not_found());
        }
        if let Some(path) = parsed.resource.strip_prefix("actiontype:") {
            let key = records::ActionType::in_scope(scope).and(path);
            let found = tx.get::<records::ActionType>(&key)?.map(store::Versioned::into_inner);
            let found = found.filter(|found| found.deleted.is_none()).ok_or_else(not_found)?;
            return Ok(Self::ActionType(Box::new(found)));
        }
        if let Some(name) = parsed.resource.strip_prefix("webhook:") {
            return match find_webhook(tx, scope, name) {
                Ok(webhook) => Ok(Self::Webhook(Box::new(webhook))),
                Err(Error::WebhookNotFound { .. }) => Err(not_found()),
                Err(other) => Err(other),
            };
        }
        match find_pipeline(tx, scope, &parsed.resource) {
            Ok(pipeline) => Ok(Self::Pipeline(Box::new(pipeline))),
            Err(Error::PipelineNotFound { .. }) => Err(not_found()),
            Err(other) => Err(other),
        }
    }

    fn tags(&mut self) -> &mut BTreeMap<String, String> {
        match self {
            Self::Pipeline(pipeline) => &mut pipeline.tags,
            Self::ActionType(action_type) => &mut action_type.tags,
            Self::Webhook(webhook) => &mut webhook.tags,
        }
    }

    fn put(&self, tx: &mut WriteTx<'_>) -> Result<(), store::Error> {
        match self {
            Self::Pipeline(pipeline) => tx.put(&**pipeline).map(|_| ()),
            Self::ActionType(action_type) => tx.put(&**action_type).map(|_| ()),
            Self::Webhook(webhook) => tx.put(&**webhook).map(|_| ()),
        }
    }
}
