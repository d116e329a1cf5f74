use aws::{Ctx, Timestamp};
use codepipeline_model::{
    ActionDeclaration, ActionExecutionDetail, ActionExecutionInput, ActionExecutionOutput,
    ActionExecutionResult, ArtifactDetail, ErrorDetails, ListActionExecutions, ListActionExecutionsOutput,
    S3Location, StartTimeRange,
};
use store::{Page, Range, ReadTx};

use crate::CodePipeline;
use crate::definition::scope_of_action;
use crate::definitions::Definitions;
use crate::engine::ActionStatus;
use crate::error::Error;
use crate::providers::Artifact;
use crate::records::{ActionExecution, Pipeline};

const PAGE: usize = 100;

/// The action executions of a pipeline, newest first; by request those of one execution, or the last attempt at each
/// of its actions. Errors: `PipelineNotFound`, `PipelineExecutionNotFound`, `InvalidNextToken`.
/// Source: CodePipeline API Reference, ListActionExecutions.
pub(super) async fn list_action_executions(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: ListActionExecutions,
) -> Result<ListActionExecutionsOutput, Error> {
    let start = super::page_start(ctx, input.next_token.as_ref())?;
    let size = super::page_size(input.max_results, PAGE);
    let (scope, definitions) = (ctx.scope.clone(), codepipeline.definitions.clone());
    let read = codepipeline.store.read(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.pipeline_name)?;
        let filter = input.filter.clone().unwrap_or_default();
        let latest = filter.latest_in_pipeline_execution.as_ref();
        let of = filter.pipeline_execution_id.as_ref().or(latest.map(|latest| &latest.pipeline_execution_id));
        let mut since = None;
        let page = match of {
            Some(id) => {
                let execution = super::find_execution(tx, &pipeline, id)?;
                if latest.is_some_and(|latest| latest.start_time_range == StartTimeRange::Latest) {
                    since = execution.resumed_at;
                }
                let prefix = ActionExecution::of_execution(pipeline.id, execution.id);
                let range = Range::prefix(prefix).after(start.clone()).descending();
                tx.scan_index::<ActionExecution>(ActionExecution::EXECUTION, range, size)?
            }
            None => {
                let range = Range::prefix(ActionExecution::of_pipeline(pipeline.id));
                tx.scan::<ActionExecution>(range.after(start.clone()).descending(), size)?
            }
        };
        details(tx, &definitions, &pipeline, page, latest.is_some(), since)
    });
    let (details, next) = read.await?;
    Ok(ListActionExecutionsOutput {
        action_execution_details: Some(details),
        next_token: super::page_end(ctx, next),
    })
}

fn details(
    tx: &mut ReadTx<'_>,
    definitions: &Definitions,
    pipeline: &Pipeline,
    page: Page<ActionExecution>,
    latest_only: bool,
    since: Option<Timestamp>,
) -> Result<(Vec<ActionExecutionDetail>, Option<store::Key>), Error> {
    let next = page.next.clone();
    let mut details = Vec::with_capacity(page.records.len());
    for record in page.into_records() {
        if since.is_some_and(|since| record.started_at < since) || (latest_only && !is_latest(tx, &record)?) {
            continue;
        }
        let definition = definitions.get(tx, pipeline.id, record.version)?;
        let declared = definition.as_ref().and_then(|found| found.action(&record.stage, &record.action));
        let home = &pipeline.scope;
        let scope = declared.map_or_else(|| home.clone(), |declared| scope_of_action(declared, home));
        details.push(detail(&record, declared, scope.region.as_str()));
    }
    Ok((details, next))
}

fn is_latest(tx: &mut ReadTx<'_>, record: &ActionExecution) -> Result<bool, Error> {
    let prefix = ActionExecution::of_action(record.pipeline, record.execution, &record.stage, &record.action);
    let range = Range::prefix(prefix).descending();
    let page = tx.scan_index::<ActionExecution>(ActionExecution::ACTION, range, 1)?;
    Ok(page.records.first().is_some_and(|latest| latest.id == record.id))
}

fn detail(
    record: &ActionExecution,
    declared: Option<&ActionDeclaration>,
    region: &str,
) -> ActionExecutionDetail {
    let input = ActionExecutionInput {
        action_type_id: declared.map(|declared| declared.action_type_id.clone()),
        configuration: declared.and_then(|declared| declared.configuration.clone()),
        resolved_configuration: Some(record.resolved_configuration.clone()),
        role_arn: declared.and_then(|declared| declared.role_arn.clone()),
        region: Some(region.to_owned()),
        input_artifacts: Some(artifacts(&record.inputs)),
        namespace: declared.and_then(|declared| declared.namespace.clone()),
    };
    ActionExecutionDetail {
        pipeline_execution_id: Some(record.execution.to_string()),
        action_execution_id: Some(record.id.to_string()),
        pipeline_version: i32::try_from(record.version).ok(),
        stage_name: Some(record.stage.clone()),
        action_name: Some(record.action.clone()),
        start_time: Some(record.started_at),
        last_update_time: Some(record.updated_at),
        updated_by: record.updated_by.clone(),
        status: Some(record.status.as_str().into()),
        input: Some(input),
        output: Some(output(record)),
    }
}

fn output(record: &ActionExecution) -> ActionExecutionOutput {
    let report = &record.report;
    // Where GetPipelineState shows nothing of it (PARALLEL), an approver finds the token of a pending approval here.
    let token =
        record.token.filter(|_| record.status == ActionStatus::InProgress).map(|token| token.to_string());
    let error = record.error.as_ref();
    ActionExecutionOutput {
        output_artifacts: Some(artifacts(&record.outputs)),
        execution_result: Some(ActionExecutionResult {
            external_execution_id: report.external_execution_id.clone().or(token),
            external_execution_summary: report.summary.clone(),
            external_execution_url: report.external_execution_url.clone(),
            error_details: error.map(|error| ErrorDetails {
                code: Some(error.code.clone()),
                message: Some(error.message.clone()),
            }),
            log_stream_arn: report.log_stream_arn.clone(),
        }),
        output_variables: Some(report.output_variables.clone().unwrap_or_default()),
    }
}

pub(super) fn artifacts(artifacts: &[Artifact]) -> Vec<ArtifactDetail> {
    let details = artifacts.iter().map(|artifact| ArtifactDetail {
        name: Some(artifact.name.clone()),
        s3location: Some(S3Location {
            bucket: Some(artifact.bucket.clone()),
            key: Some(artifact.key.clone()),
        }),
    });
    details.collect()
}
