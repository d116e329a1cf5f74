use std::collections::HashMap;

use aws::Timestamp;
use codepipeline_model::{
    ActionDeclaration, ActionDetail, ErrorDetails, StageDeclaration, StageDetail, WaitingJob,
};
use store::{Range, ReadTx};

use super::{Known, conditions};
use crate::definition::{Definition, scope_of_action};
use crate::engine::{ActionStatus, Position, StageRun};
use crate::error::Error;
use crate::records::{ActionExecution, Execution, Job, Pipeline};

/// Attempts of one execution that are looked through for the last ones, newest first: of each action of the largest
/// definition there can be two.
const ATTEMPTS: usize = 5_000;

/// The last attempt at an action, and how many there were.
type Attempts = HashMap<(String, String), (ActionExecution, i32)>;

pub(super) fn stages(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    definition: &Definition,
    record: &Execution,
    known: &Known<'_>,
) -> Result<Vec<StageDetail>, Error> {
    let mut attempts = attempts(tx, pipeline, record)?;
    let mut details = Vec::with_capacity(definition.declaration.stages.len());
    for (index, declared) in definition.declaration.stages.iter().enumerate() {
        let run = run_at(known, index);
        let mut actions = Vec::with_capacity(declared.actions.len());
        for action in &declared.actions {
            let attempt = attempts.remove(&(declared.name.clone(), action.name.clone()));
            let role = action.role_arn.as_ref().unwrap_or(&definition.declaration.role_arn);
            let mut detail = detail(definition, declared, action, role, attempt);
            detail.region = Some(scope_of_action(action, &pipeline.scope).region.to_string());
            if let Some(id) = detail.action_execution_id.as_ref().filter(|_| is_running(&detail)) {
                detail.job = open_job(tx, id)?;
            }
            actions.push(detail);
        }
        let retries = run.map(|run| run.retries).unwrap_or_default();
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        details.push(StageDetail {
            stage_name: declared.name.clone(),
            status: status(known, record, index, declared, &actions),
            since: run.map(|run| Timestamp::from_millis(run.since)),
            automatic_retries: count(retries.automatic),
            manual_retries: count(retries.manual),
            actions,
            conditions: match run {
                Some(run) => conditions::conditions(tx, pipeline, definition, declared, run)?,
                None => Vec::new(),
            },
        });
    }
    Ok(details)
}

fn is_running(detail: &ActionDetail) -> bool {
    detail.status.as_deref() == Some(ActionStatus::InProgress.as_str())
}

/// The passage through a stage, of the stage where the execution is or ended.
fn run_at<'a>(known: &Known<'a>, index: usize) -> Option<&'a StageRun> {
    match &known.execution?.position {
        Position::Inside(run) if run.stage == index => Some(run),
        Position::Inside(_) | Position::Inbound { .. } => None,
    }
}

/// None: the execution has not been in the stage, or began behind it.
fn status(
    known: &Known<'_>,
    record: &Execution,
    index: usize,
    declared: &StageDeclaration,
    actions: &[ActionDetail],
) -> Option<String> {
    if let Some(run) = run_at(known, index) {
        return Some(run.status.as_str().to_owned());
    }
    let position = known.execution?.position.stage();
    let ran = actions.iter().any(|action| action.status.is_some());
    if index >= position {
        return None;
    }
    if ran || record.succeeded_stages.contains(&declared.name) {
        return Some("Succeeded".to_owned());
    }
    // What others have done before is not this one's.
    record.predecessor().is_none().then(|| "Skipped".to_owned())
}

fn attempts(tx: &mut ReadTx<'_>, pipeline: &Pipeline, record: &Execution) -> Result<Attempts, Error> {
    let range = Range::prefix(ActionExecution::of_execution(pipeline.id, record.id)).descending();
    let page = tx.scan_index::<ActionExecution>(ActionExecution::EXECUTION, range, ATTEMPTS)?;
    let mut attempts = Attempts::new();
    for attempt in page.into_records() {
        let key = (attempt.stage.clone(), attempt.action.clone());
        attempts.entry(key).and_modify(|(_, count)| *count += 1).or_insert((attempt, 1));
    }
    Ok(attempts)
}

fn detail(
    definition: &Definition,
    stage: &StageDeclaration,
    declared: &ActionDeclaration,
    role: &str,
    attempt: Option<(ActionExecution, i32)>,
) -> ActionDetail {
    let mut detail = ActionDetail {
        action_name: declared.name.clone(),
        action_type_id: declared.action_type_id.clone(),
        run_order: crate::definition::run_order(declared),
        role_arn: role.to_owned(),
        ..ActionDetail::default()
    };
    let Some((attempt, attempts)) = attempt else { return detail };
    let in_progress = attempt.status == ActionStatus::InProgress;
    let plan = definition.plan.stages.iter().find(|plan| *plan.name == *stage.name);
    let plan = plan.and_then(|plan| Some(&plan.actions[plan.action_index(&declared.name)?]));
    let report = attempt.report;
    detail.attempts = attempts;
    detail.status = Some(attempt.status.as_str().to_owned());
    detail.action_execution_id = Some(attempt.id.to_string());
    detail.start_time = Some(attempt.started_at);
    detail.last_status_change = Some(attempt.updated_at);
    detail.times_out_at = plan
        .filter(|_| in_progress)
        .map(|plan| Timestamp::from_millis(attempt.started_at.as_millis().saturating_add(plan.timeout)));
    detail.summary = report.summary;
    detail.external_execution_id = report.external_execution_id;
    detail.external_execution_url = report.external_execution_url;
    detail.percent_complete = report.percent_complete;
    detail.log_stream_arn = report.log_stream_arn;
    detail.error_details =
        attempt.error.map(|error| ErrorDetails { code: Some(error.code), message: Some(error.message) });
    detail.last_updated_by = attempt.updated_by;
    detail.token = attempt.token.filter(|_| in_progress).map(|token| token.to_string());
    detail.resolved_configuration = Some(attempt.resolved_configuration);
    detail
}

fn open_job(tx: &mut ReadTx<'_>, action: &str) -> Result<Option<WaitingJob>, Error> {
    let Ok(id) = action.parse() else { return Ok(None) };
    let page = tx.scan_index::<Job>(Job::OPEN, Job::open_of(id), 1)?;
    Ok(page.into_records().into_iter().next().map(|job| WaitingJob {
        job_id: job.id.to_string(),
        action_type: job.action_type,
        status: job.state.status.as_str().to_owned(),
        since: job.created_at,
        due_at: job.state.due_at(),
        queried_value: Some(job.queried_value).filter(|value| !value.is_empty()),
        is_continuation: job.continuation_token.is_some(),
        last_poll: None,
    }))
}
