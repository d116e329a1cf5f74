use aws::Ctx;
use codepipeline_model::{
    ListPipelineExecutions, ListPipelineExecutionsOutput, PipelineExecutionSummary, SourceRevision,
    StopExecutionTrigger,
};
use store::Range;

use super::get_pipeline_execution::{
    execution_mode, execution_type, rollback_metadata, status_summary, trigger,
};
use crate::CodePipeline;
use crate::error::Error;
use crate::records::Execution;

const PAGE: usize = 100;

/// The executions of a pipeline, newest first; by request only those that succeeded in a stage on the current version
/// of the definition. Errors: `PipelineNotFound`, `InvalidNextToken`.
/// Source: CodePipeline API Reference, ListPipelineExecutions.
pub(super) async fn list_pipeline_executions(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: ListPipelineExecutions,
) -> Result<ListPipelineExecutionsOutput, Error> {
    let start = super::page_start(ctx, input.next_token.as_ref())?;
    let size = super::page_size(input.max_results, PAGE);
    let scope = ctx.scope.clone();
    let read = codepipeline.store.read(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.pipeline_name)?;
        let succeeded_in = input.filter.as_ref().and_then(|filter| filter.succeeded_in_stage.as_ref());
        let newest_first = |prefix| Range::prefix(prefix).after(start.clone()).descending();
        let page = match succeeded_in.and_then(|filter| filter.stage_name.as_ref()) {
            Some(stage) => {
                let prefix = Execution::succeeded_in(pipeline.id, pipeline.version, stage);
                tx.scan_index::<Execution>(Execution::SUCCEEDED, newest_first(prefix), size)?
            }
            None => tx.scan::<Execution>(newest_first(Execution::of_pipeline(pipeline.id)), size)?,
        };
        Ok::<_, Error>(page)
    });
    let page = read.await?;
    let next_token = super::page_end(ctx, page.next.clone());
    let summaries = page.into_records().into_iter().map(summary).collect();
    Ok(ListPipelineExecutionsOutput { pipeline_execution_summaries: Some(summaries), next_token })
}

fn summary(execution: Execution) -> PipelineExecutionSummary {
    let status_summary = status_summary(&execution);
    let revisions = execution.revisions.into_iter().map(|known| SourceRevision {
        action_name: known.action,
        revision_id: Some(known.revision.id),
        revision_summary: known.revision.summary,
        revision_url: known.revision.url,
    });
    PipelineExecutionSummary {
        pipeline_execution_id: Some(execution.id.to_string()),
        status: Some(execution.status.as_str().into()),
        status_summary,
        start_time: Some(execution.started_at),
        last_update_time: Some(execution.updated_at),
        source_revisions: Some(revisions.collect()),
        trigger: Some(trigger(&execution.trigger)),
        stop_trigger: execution.stop_reason.map(|reason| StopExecutionTrigger { reason: Some(reason) }),
        execution_mode: Some(execution_mode(execution.mode)),
        execution_type: Some(execution_type(execution.rollback_target.is_some())),
        rollback_metadata: execution.rollback_target.map(rollback_metadata),
    }
}
