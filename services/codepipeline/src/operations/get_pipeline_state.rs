mod condition_state;

use std::collections::BTreeMap;

use aws::{Ctx, Timestamp};
use codepipeline_model::{
    self as model, ActionDeclaration, ActionExecution as ActionExecutionState, ActionRevision, ActionState,
    ErrorDetails, GetPipelineState, GetPipelineStateOutput, RetryStageMetadata, StageDeclaration,
    StageExecution, StageState, TransitionState,
};
use store::ReadTx;

use super::get_pipeline_execution::execution_type;
use crate::catalogue::{Owner, Placeholder};
use crate::engine::{
    ActionExecutionId, ActionStatus, ConditionType, ExecutionId, Retries, RetryTrigger, Stage,
};
use crate::error::Error;
use crate::records::{self, ActionExecution, Live, Pipeline};
use crate::{CodePipeline, jobs, variables};

/// The pipeline stage by stage: who waits, who entered last, what became of each action. Stages and actions in the
/// order of the current definition; what an earlier definition left behind shows where names are unchanged.
/// Errors: `PipelineNotFound`. Source: CodePipeline API Reference, GetPipelineState; members as observed.
pub(super) async fn get_pipeline_state(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: GetPipelineState,
) -> Result<GetPipelineStateOutput, Error> {
    let (scope, definitions) = (ctx.scope.clone(), codepipeline.definitions.clone());
    let read = codepipeline.store.read(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.name)?;
        let definition = super::current_definition(tx, &definitions, &pipeline)?;
        let live = tx.get::<Live>(&Live::key_of(pipeline.id))?;
        let live = live.ok_or_else(|| aws::Error::internal("a pipeline has no state"))?;
        let never_entered = Stage::default();
        let mut states = Vec::with_capacity(definition.declaration.stages.len());
        for declared in &definition.declaration.stages {
            let stage = live.engine.stages.get(declared.name.as_str()).unwrap_or(&never_entered);
            states.push(stage_state(tx, &pipeline, declared, stage)?);
        }
        Ok::<_, Error>((pipeline, states))
    });
    let (pipeline, states) = read.await?;
    Ok(GetPipelineStateOutput {
        pipeline_name: Some(pipeline.name),
        pipeline_version: i32::try_from(pipeline.version).ok(),
        stage_states: Some(states),
        created: Some(pipeline.created),
        updated: Some(pipeline.updated),
    })
}

fn stage_state(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    declared: &StageDeclaration,
    stage: &Stage,
) -> Result<StageState, Error> {
    let mut actions = Vec::with_capacity(declared.actions.len());
    for action in &declared.actions {
        let latest = stage.actions.get(action.name.as_str()).copied();
        actions.push(action_state(tx, pipeline, action, latest)?);
    }
    // Rollbacks never wait in front of a stage.
    let inbound: Vec<StageExecution> =
        stage.inbound.iter().map(|id| stage_execution(*id, "InProgress", false)).collect();
    let latest = stage.latest.as_ref();
    let mut state = |condition| condition_state::condition_state(tx, pipeline, declared, latest, condition);
    Ok(StageState {
        stage_name: Some(declared.name.clone()),
        inbound_execution: inbound.first().cloned(),
        inbound_executions: Some(inbound).filter(|inbound| !inbound.is_empty()),
        inbound_transition_state: Some(transition_state(stage)),
        action_states: Some(actions),
        latest_execution: latest
            .map(|latest| stage_execution(latest.execution, latest.status.as_str(), latest.is_rollback)),
        retry_stage_metadata: latest.and_then(|latest| retries(latest.retries)),
        before_entry_condition_state: state(ConditionType::BeforeEntry)?,
        on_success_condition_state: state(ConditionType::OnSuccess)?,
        on_failure_condition_state: state(ConditionType::OnFailure)?,
    })
}

fn stage_execution(id: ExecutionId, status: &str, is_rollback: bool) -> StageExecution {
    StageExecution {
        pipeline_execution_id: id.to_string(),
        status: status.into(),
        r#type: Some(execution_type(is_rollback)),
    }
}

/// Nothing of a stage that was never retried; of the two counts only those that are not zero.
fn retries(retries: Retries) -> Option<RetryStageMetadata> {
    let count = |attempts: u32| i32::try_from(attempts).ok().filter(|attempts| *attempts > 0);
    let latest = retries.latest.or_else(|| (retries.manual > 0).then_some(RetryTrigger::Manual))?;
    Some(RetryStageMetadata {
        auto_stage_retry_attempt: count(retries.automatic),
        manual_stage_retry_attempt: count(retries.manual),
        latest_retry_trigger: Some(match latest {
            RetryTrigger::Manual => model::RetryTrigger::ManualStageRetry,
            RetryTrigger::Automatic => model::RetryTrigger::AutomatedStageRetry,
        }),
    })
}

pub(super) fn transition_state(stage: &Stage) -> TransitionState {
    let transition = &stage.transition;
    TransitionState {
        enabled: Some(transition.enabled),
        last_changed_by: transition.last_changed_by.clone(),
        last_changed_at: transition.last_changed_at.map(Timestamp::from_millis),
        disabled_reason: transition.disabled_reason.clone(),
    }
}

fn action_state(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    declared: &ActionDeclaration,
    latest: Option<ActionExecutionId>,
) -> Result<ActionState, Error> {
    let record = match latest {
        Some(id) => {
            let index = ActionExecution::with_id(pipeline.id, id);
            tx.scan_index::<ActionExecution>(ActionExecution::ID, index, 1)?.into_records().into_iter().next()
        }
        None => None,
    };
    let revision = record.as_ref().and_then(|record| record.report.revision.as_ref());
    let resolved = record.as_ref().map(|record| &record.resolved_configuration);
    let entity_url = entity_url(tx, pipeline, declared, resolved)?;
    Ok(ActionState {
        action_name: Some(declared.name.clone()),
        current_revision: revision.map(|revision| ActionRevision {
            revision_id: revision.id.clone(),
            revision_change_id: revision.change_identifier.clone().unwrap_or_else(|| revision.id.clone()),
            created: revision.created.unwrap_or_default(),
        }),
        revision_url: revision.and_then(|revision| revision.url.clone()),
        latest_execution: record.map(latest_execution),
        entity_url,
    })
}

/// The link to what an action works on, as its last attempt knew it. Before the first one a value may be missing.
fn entity_url(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    declared: &ActionDeclaration,
    resolved: Option<&BTreeMap<String, String>>,
) -> Result<Option<String>, Error> {
    if declared.action_type_id.owner.as_str() == Owner::Aws.as_str() {
        return Ok(None);
    }
    let found = records::ActionType::find(tx, &pipeline.scope, &declared.action_type_id)?;
    let Some(action_type) = found else { return Ok(None) };
    let template = action_type.urls.entity.as_deref();
    Ok(jobs::results::url(template, &action_type, |placeholder| match placeholder {
        Placeholder::Config(name) => {
            let value = resolved.and_then(|resolved| resolved.get(name));
            let value = value.or_else(|| declared.configuration.as_ref()?.get(name))?;
            variables::references(value).is_empty().then(|| value.clone())
        }
        Placeholder::ExternalExecutionId | Placeholder::RevisionId => None,
    }))
}

fn latest_execution(record: ActionExecution) -> ActionExecutionState {
    let in_progress = record.status == ActionStatus::InProgress;
    let report = record.report;
    ActionExecutionState {
        action_execution_id: Some(record.id.to_string()),
        status: Some(record.status.as_str().into()),
        summary: report.summary,
        last_status_change: Some(record.updated_at),
        token: record.token.filter(|_| in_progress).map(|token| token.to_string()),
        last_updated_by: record.updated_by,
        external_execution_id: report.external_execution_id,
        external_execution_url: report.external_execution_url,
        percent_complete: report.percent_complete,
        error_details: record
            .error
            .map(|error| ErrorDetails { code: Some(error.code), message: Some(error.message) }),
        log_stream_arn: report.log_stream_arn,
    }
}
