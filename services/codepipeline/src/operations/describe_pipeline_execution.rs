//! One execution with everything that it waits for. `GetPipelineState` shows of each stage the execution that entered it
//! last: of those behind it in a queue, and of all in PARALLEL mode, it shows little or nothing.

mod conditions;
mod stages;
mod waiting;

use aws::Ctx;
use codepipeline_model::{
    DescribePipelineExecution, DescribePipelineExecutionOutput, RerunOrigin, SourceRevision,
};
use store::ReadTx;

use super::get_pipeline_execution::{execution_mode, trigger};
use crate::CodePipeline;
use crate::definitions::Definitions;
use crate::engine;
use crate::error::Error;
use crate::records::{Execution, Live, Pipeline};

/// An execution stage by stage: how each action stands or stood, what a waiting execution waits for, its place in the
/// queue. Without an id the one that was started last. Errors: `PipelineNotFound`, `PipelineExecutionNotFound`.
pub(super) async fn describe_pipeline_execution(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: DescribePipelineExecution,
) -> Result<DescribePipelineExecutionOutput, Error> {
    let (scope, definitions) = (ctx.scope.clone(), codepipeline.definitions.clone());
    let read = codepipeline.store.read(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.pipeline_name)?;
        let record = match &input.pipeline_execution_id {
            Some(id) => super::find_execution(tx, &pipeline, id)?,
            None => super::newest_execution(tx, &pipeline)?.ok_or_else(|| {
                let (pipeline, id) = (pipeline.name.clone(), "newest".to_owned());
                Error::PipelineExecutionNotFound { pipeline, id }
            })?,
        };
        describe(tx, &definitions, &pipeline, record)
    });
    let mut output = read.await?;
    for action in output.stages.iter_mut().flat_map(|stage| &mut stage.actions) {
        if let Some(job) = &mut action.job {
            job.last_poll = codepipeline.polls.last(&ctx.scope, &job.action_type);
        }
    }
    Ok(output)
}

/// What the engine knows of an execution: in progress, or as it was when it ended.
struct Known<'a> {
    live: &'a engine::Pipeline,
    execution: Option<&'a engine::Execution>,
}

fn describe(
    tx: &mut ReadTx<'_>,
    definitions: &Definitions,
    pipeline: &Pipeline,
    record: Execution,
) -> Result<DescribePipelineExecutionOutput, Error> {
    let live = tx.get::<Live>(&Live::key_of(pipeline.id))?;
    let mut live = live.ok_or_else(|| Error::internal("a pipeline has no state"))?.into_inner().engine;
    let versions: Vec<u32> = live.versions_in_use().chain([record.version]).collect();
    for version in versions {
        if let Some(definition) = definitions.get(tx, pipeline.id, version)? {
            live.plans.insert(version, definition.plan.clone());
        }
    }
    let definition = definitions.get(tx, pipeline.id, record.version)?;
    let definition = definition.ok_or_else(|| Error::internal("an execution has no definition"))?;
    let execution = live.executions.get(&record.id).or(record.ended.as_ref());
    let known = Known { live: &live, execution };
    let stages = stages::stages(tx, pipeline, &definition, &record, &known)?;
    let cancelling = known.live.executions.get(&record.id).is_some_and(|execution| execution.cancelling);
    let number = |version: u32| i32::try_from(version).unwrap_or(i32::MAX);
    let revisions = record.revisions.iter().map(|known| SourceRevision {
        action_name: known.action.clone(),
        revision_id: Some(known.revision.id.clone()),
        revision_summary: known.revision.summary.clone(),
        revision_url: known.revision.url.clone(),
    });
    Ok(DescribePipelineExecutionOutput {
        pipeline_name: pipeline.name.clone(),
        pipeline_arn: pipeline.arn(),
        role_arn: definition.declaration.role_arn.clone(),
        pipeline_version: number(record.version),
        current_version: number(pipeline.version),
        pipeline_execution_id: record.id.to_string(),
        status: record.status.as_str().to_owned(),
        execution_mode: execution_mode(record.mode).as_str().to_owned(),
        start_time: record.started_at,
        last_update_time: record.updated_at,
        trigger: trigger(&record.trigger),
        stop_reason: record.stop_reason.clone(),
        cancelling,
        source_revisions: revisions.collect(),
        rollback_target: record.rollback_target.map(|target| target.to_string()),
        rerun: record.rerun.as_ref().map(|rerun| RerunOrigin {
            pipeline_execution_id: rerun.of.to_string(),
            stage_name: rerun.stage.clone(),
            action_name: rerun.action.clone(),
        }),
        waiting: waiting::waiting(&known, record.id),
        stages,
    })
}
