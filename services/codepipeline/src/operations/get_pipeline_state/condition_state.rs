//! How the conditions of a stage stand.

use aws::Timestamp;
use codepipeline_model::{
    ConditionExecution, ConditionState, ErrorDetails, RuleExecution as RuleExecutionState, RuleState,
    StageConditionState, StageConditionsExecution, StageDeclaration,
};
use store::ReadTx;

use crate::definition::conditions;
use crate::engine::{ConditionType, LatestRun, RuleExecutionId};
use crate::error::Error;
use crate::records::{Pipeline, RuleExecution};

/// Nothing of a condition that the stage does not declare; one that was not evaluated in the latest run shows its rules
/// alone.
pub(super) fn condition_state(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    declared: &StageDeclaration,
    latest: Option<&LatestRun>,
    condition: ConditionType,
) -> Result<Option<StageConditionState>, Error> {
    let Some(declaration) = conditions::declared(declared, condition).first() else { return Ok(None) };
    let run = latest.and_then(|latest| latest.conditions.get(&condition));
    let mut rules = Vec::new();
    for (index, rule) in declaration.rules.iter().flatten().enumerate() {
        let id = run.and_then(|run| run.rules.get(index)).map(|rule| rule.id);
        rules.push(RuleState {
            rule_name: Some(rule.name.clone()),
            current_revision: None,
            latest_execution: rule_execution(tx, pipeline, id)?,
            entity_url: None,
            revision_url: None,
        });
    }
    let execution = run.map(|run| ConditionExecution {
        status: Some(run.status.as_str().into()),
        summary: None,
        last_status_change: Some(Timestamp::from_millis(run.since)),
    });
    Ok(Some(StageConditionState {
        latest_execution: run
            .map(|run| StageConditionsExecution { status: Some(run.status.as_str().into()), summary: None }),
        condition_states: Some(vec![ConditionState {
            latest_execution: execution,
            rule_states: Some(rules),
        }]),
    }))
}

fn rule_execution(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    id: Option<RuleExecutionId>,
) -> Result<Option<RuleExecutionState>, Error> {
    let Some(id) = id else { return Ok(None) };
    let index = RuleExecution::with_id(pipeline.id, id);
    let record = tx.scan_index::<RuleExecution>(RuleExecution::ID, index, 1)?.into_records().pop();
    Ok(record.map(|record| RuleExecutionState {
        rule_execution_id: Some(record.id.to_string()),
        status: Some(record.status.as_str().into()),
        summary: record.report.summary,
        last_status_change: Some(record.updated_at),
        token: None,
        last_updated_by: record.updated_by,
        external_execution_id: record.report.external_execution_id,
        external_execution_url: record.report.external_execution_url,
        error_details: record
            .error
            .map(|error| ErrorDetails { code: Some(error.code), message: Some(error.message) }),
    }))
}
