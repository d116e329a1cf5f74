use aws::Ctx;
use codepipeline_model::{
    ActionDeclaration, ActionExecutionDetail, ActionExecutionInput, ActionExecutionOutput,
    ActionExecutionResult, ArtifactDetail, ErrorDetails, ListActionExecutions, ListActionExecutionsOutput,
    S3Location,
};
use store::ReadTx;

use super::attempts::{self, Wanted};
use crate::CodePipeline;
use crate::definition::scope_of_action;
use crate::definitions::Definitions;
use crate::engine::ActionStatus;
use crate::error::Error;
use crate::providers::Artifact;
use crate::records::{ActionExecution, Pipeline};

/// The action executions of a pipeline, newest first; by request those of one execution, or the last attempt at each
/// of its actions. Errors: `PipelineNotFound`, `PipelineExecutionNotFound`, `InvalidNextToken`.
/// Source: CodePipeline API Reference, ListActionExecutions.
pub(super) async fn list_action_executions(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: ListActionExecutions,
) -> Result<ListActionExecutionsOutput, Error> {
    let start = super::page_start(ctx, input.next_token.as_ref())?;
    let size = super::page_size(input.max_results, attempts::PAGE);
    let (scope, definitions) = (ctx.scope.clone(), codepipeline.definitions.clone());
    let filter = input.filter.unwrap_or_default();
    let wanted =
        Wanted { execution: filter.pipeline_execution_id, latest: filter.latest_in_pipeline_execution };
    let read = codepipeline.store.read(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.pipeline_name)?;
        let (records, next) = attempts::page(tx, &pipeline, &wanted, start.clone(), size)?;
        Ok::<_, Error>((details(tx, &definitions, &pipeline, records)?, next))
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
    records: Vec<ActionExecution>,
) -> Result<Vec<ActionExecutionDetail>, Error> {
    let mut details = Vec::with_capacity(records.len());
    for record in records {
        let definition = definitions.get(tx, pipeline.id, record.version)?;
        let declared = definition.as_ref().and_then(|found| found.action(&record.stage, &record.action));
        let home = &pipeline.scope;
        let scope = declared.map_or_else(|| home.clone(), |declared| scope_of_action(declared, home));
        details.push(detail(&record, declared, scope.region.as_str()));
    }
    Ok(details)
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
