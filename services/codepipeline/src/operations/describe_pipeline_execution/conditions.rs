use aws::Timestamp;
use codepipeline_model::{ConditionDetail, ErrorDetails, RuleDetail, StageDeclaration};
use store::ReadTx;

use crate::definition::{Definition, scope_of_rule};
use crate::engine::{ConditionResult, ConditionRun, ConditionType, RuleRun, RuleStatus, StageRun};
use crate::error::Error;
use crate::records::{Pipeline, RuleExecution};

/// The conditions that were evaluated in a passage through a stage, or are being so.
pub(super) fn conditions(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    definition: &Definition,
    declared: &StageDeclaration,
    run: &StageRun,
) -> Result<Vec<ConditionDetail>, Error> {
    let mut details = Vec::with_capacity(run.conditions.len());
    for (condition, evaluated) in &run.conditions {
        details.push(detail(tx, pipeline, definition, declared, *condition, evaluated)?);
    }
    Ok(details)
}

fn detail(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    definition: &Definition,
    declared: &StageDeclaration,
    condition: ConditionType,
    evaluated: &ConditionRun,
) -> Result<ConditionDetail, Error> {
    let stage = definition.plan.stages.iter().find(|stage| *stage.name == *declared.name);
    let plan = stage.and_then(|stage| stage.conditions.get(&condition));
    let mut rules = Vec::with_capacity(evaluated.rules.len());
    for (index, run) in evaluated.rules.iter().enumerate() {
        let timeout = plan.and_then(|plan| Some(plan.rules.get(index)?.timeout));
        rules.push(rule(tx, pipeline, definition, *run, timeout)?);
    }
    let result = match plan.map(|plan| plan.result) {
        Some(ConditionResult::Skip) => "SKIP",
        Some(ConditionResult::Rollback) => "ROLLBACK",
        Some(ConditionResult::Fail) | None => "FAIL",
    };
    Ok(ConditionDetail {
        condition_type: match condition {
            ConditionType::BeforeEntry => "BEFORE_ENTRY",
            ConditionType::OnSuccess => "ON_SUCCESS",
            ConditionType::OnFailure => "ON_FAILURE",
        }
        .to_owned(),
        status: evaluated.status.as_str().to_owned(),
        since: Timestamp::from_millis(evaluated.since),
        result: result.to_owned(),
        rules,
    })
}

fn rule(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    definition: &Definition,
    run: RuleRun,
    timeout: Option<i64>,
) -> Result<RuleDetail, Error> {
    let index = RuleExecution::with_id(pipeline.id, run.id);
    let found =
        tx.scan_index::<RuleExecution>(RuleExecution::ID, index, 1)?.into_records().into_iter().next();
    let record = found.ok_or_else(|| Error::internal("a rule execution has no record"))?;
    let declared = definition.rule(&record.stage, record.condition, &record.rule);
    let provider = declared.map(|declared| declared.rule_type_id.provider.clone());
    let running = record.status == RuleStatus::InProgress;
    let ends = timeout.map(|timeout| record.started_at.as_millis().saturating_add(timeout));
    Ok(RuleDetail {
        rule_name: record.rule,
        provider: provider.unwrap_or_default(),
        region: declared.map(|declared| scope_of_rule(declared, &pipeline.scope).region.to_string()),
        status: record.status.as_str().to_owned(),
        start_time: Some(record.started_at),
        times_out_at: ends.filter(|_| running).map(Timestamp::from_millis),
        looks_at: record.look_at.filter(|_| running).map(Timestamp::from_millis),
        summary: record.report.summary,
        external_execution_id: record.report.external_execution_id,
        log_stream_arn: record.report.log_stream_arn,
        error_details: record
            .error
            .map(|error| ErrorDetails { code: Some(error.code), message: Some(error.message) }),
        resolved_configuration: Some(record.resolved_configuration),
    })
}
