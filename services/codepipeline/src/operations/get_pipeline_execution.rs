use aws::Ctx;
use codepipeline_model::{
    ArtifactRevision, ExecutionMode, ExecutionTrigger, ExecutionType, GetPipelineExecution,
    GetPipelineExecutionOutput, PipelineExecution, PipelineRollbackMetadata, ResolvedPipelineVariable,
};

use crate::CodePipeline;
use crate::engine::{self, ExecutionId};
use crate::error::Error;
use crate::records;

/// One execution: how it stands, what started it, the revisions it works on.
/// Errors: `PipelineNotFound`, `PipelineExecutionNotFound`. Source: CodePipeline API Reference, GetPipelineExecution.
pub(super) async fn get_pipeline_execution(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: GetPipelineExecution,
) -> Result<GetPipelineExecutionOutput, Error> {
    let scope = ctx.scope.clone();
    let read = codepipeline.store.read(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.pipeline_name)?;
        let execution = super::find_execution(tx, &pipeline, &input.pipeline_execution_id)?;
        Ok::<_, Error>((pipeline, execution))
    });
    let (pipeline, execution) = read.await?;
    let revisions = execution.revisions.iter().map(artifact_revision).collect();
    let variables = execution.variables.iter().map(|(name, value)| ResolvedPipelineVariable {
        name: Some(name.clone()),
        resolved_value: Some(value.clone()),
    });
    let variables: Vec<_> = variables.collect();
    let execution = PipelineExecution {
        pipeline_name: Some(pipeline.name),
        pipeline_version: i32::try_from(execution.version).ok(),
        pipeline_execution_id: Some(execution.id.to_string()),
        status: Some(execution.status.as_str().into()),
        status_summary: status_summary(&execution),
        artifact_revisions: Some(revisions),
        variables: Some(variables).filter(|variables| !variables.is_empty()),
        trigger: Some(trigger(&execution.trigger)),
        execution_mode: Some(execution_mode(execution.mode)),
        execution_type: Some(execution_type(execution.rollback_target.is_some())),
        rollback_metadata: execution.rollback_target.map(rollback_metadata),
    };
    Ok(GetPipelineExecutionOutput { pipeline_execution: Some(execution) })
}

fn artifact_revision(known: &records::ArtifactRevision) -> ArtifactRevision {
    let revision = &known.revision;
    ArtifactRevision {
        name: Some(known.artifact.clone()),
        revision_id: Some(revision.id.clone()),
        revision_change_identifier: revision.change_identifier.clone(),
        revision_summary: revision.summary.clone(),
        created: revision.created,
        revision_url: revision.url.clone(),
    }
}

/// What somebody should know of an execution that did not begin at the beginning.
pub(super) fn status_summary(execution: &records::Execution) -> Option<String> {
    let rerun = execution.rerun.as_ref()?;
    Some(match &rerun.action {
        Some(action) => {
            format!("Action '{action}' of stage '{}' of execution {} again", rerun.stage, rerun.of)
        }
        None => format!("Execution {} again, from stage '{}' on", rerun.of, rerun.stage),
    })
}

pub(super) fn trigger(trigger: &records::ExecutionTrigger) -> ExecutionTrigger {
    ExecutionTrigger {
        trigger_type: Some(trigger.kind.as_str().into()),
        trigger_detail: Some(trigger.detail.clone()),
    }
}

pub(super) fn execution_type(is_rollback: bool) -> ExecutionType {
    if is_rollback { ExecutionType::Rollback } else { ExecutionType::Standard }
}

pub(super) fn rollback_metadata(target: ExecutionId) -> PipelineRollbackMetadata {
    PipelineRollbackMetadata { rollback_target_pipeline_execution_id: Some(target.to_string()) }
}

pub(super) fn execution_mode(mode: engine::ExecutionMode) -> ExecutionMode {
    match mode {
        engine::ExecutionMode::Superseded => ExecutionMode::Superseded,
        engine::ExecutionMode::Queued => ExecutionMode::Queued,
        engine::ExecutionMode::Parallel => ExecutionMode::Parallel,
    }
}
