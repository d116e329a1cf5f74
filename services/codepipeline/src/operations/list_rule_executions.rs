use aws::Ctx;
use codepipeline_model::{
    ErrorDetails, ListRuleExecutions, ListRuleExecutionsOutput, RuleExecutionDetail, RuleExecutionInput,
    RuleExecutionOutput, RuleExecutionResult,
};
use store::ReadTx;

use super::attempts::{self, Wanted};
use super::list_action_executions::artifacts;
use crate::CodePipeline;
use crate::definition::scope_of_rule;
use crate::definitions::Definitions;
use crate::error::Error;
use crate::records::{Pipeline, RuleExecution};

/// The rule executions of a pipeline, newest first; by request those of one execution, or the last evaluation of each
/// of its rules. Errors: `PipelineNotFound`, `PipelineExecutionNotFound`, `InvalidNextToken`.
/// Source: CodePipeline API Reference, ListRuleExecutions.
pub(super) async fn list_rule_executions(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: ListRuleExecutions,
) -> Result<ListRuleExecutionsOutput, Error> {
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
    Ok(ListRuleExecutionsOutput {
        rule_execution_details: Some(details),
        next_token: super::page_end(ctx, next),
    })
}

fn details(
    tx: &mut ReadTx<'_>,
    definitions: &Definitions,
    pipeline: &Pipeline,
    records: Vec<RuleExecution>,
) -> Result<Vec<RuleExecutionDetail>, Error> {
    let mut details = Vec::with_capacity(records.len());
    for record in records {
        let definition = definitions.get(tx, pipeline.id, record.version)?;
        let declared =
            definition.as_ref().and_then(|found| found.rule(&record.stage, record.condition, &record.rule));
        let home = &pipeline.scope;
        let scope = declared.map_or_else(|| home.clone(), |declared| scope_of_rule(declared, home));
        let input = RuleExecutionInput {
            rule_type_id: declared.map(|declared| declared.rule_type_id.clone()),
            configuration: declared.and_then(|declared| declared.configuration.clone()),
            resolved_configuration: Some(record.resolved_configuration.clone()),
            role_arn: declared.and_then(|declared| declared.role_arn.clone()),
            region: Some(scope.region.as_str().to_owned()),
            input_artifacts: Some(artifacts(&record.inputs)),
        };
        details.push(detail(record, input));
    }
    Ok(details)
}

fn detail(record: RuleExecution, input: RuleExecutionInput) -> RuleExecutionDetail {
    let report = record.report;
    let error = record.error;
    RuleExecutionDetail {
        pipeline_execution_id: Some(record.execution.to_string()),
        rule_execution_id: Some(record.id.to_string()),
        pipeline_version: i32::try_from(record.version).ok(),
        stage_name: Some(record.stage),
        rule_name: Some(record.rule),
        start_time: Some(record.started_at),
        last_update_time: Some(record.updated_at),
        updated_by: record.updated_by,
        status: Some(record.status.as_str().into()),
        input: Some(input),
        output: Some(RuleExecutionOutput {
            execution_result: Some(RuleExecutionResult {
                external_execution_id: report.external_execution_id,
                external_execution_summary: report.summary,
                external_execution_url: report.external_execution_url,
                error_details: error
                    .map(|error| ErrorDetails { code: Some(error.code), message: Some(error.message) }),
            }),
        }),
    }
}
