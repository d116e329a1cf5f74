//! What notifications with the detail type FULL tell beyond an event.
//! Source: Developer Tools console User Guide, "Understanding notification contents and security".

use serde_json::{Map, Value, json};
use store::Range;

use super::commit::{Commit, Fault};
use crate::engine::{ActionState, ActionStatus, Change, ExecutionId, ExecutionState, StageState, Subject};
use crate::records::ActionExecution;

/// Of the action executions of a failed stage, the last ones; more would not fit into a message.
const SHOWN: usize = 50;

pub(super) fn attributes(commit: &mut Commit<'_, '_>, change: &Change) -> Result<Map<String, Value>, Fault> {
    let execution = change.execution;
    match &change.subject {
        Subject::Execution { state: ExecutionState::Failed } => failures(commit, execution, true),
        Subject::Stage { state: StageState::Failed, .. } => failures(commit, execution, false),
        Subject::Stage { stage, .. } => source_actions(commit, execution, stage),
        Subject::Action { id, state, .. } => {
            let action = commit.action(*id)?.clone();
            Ok(of_action(&action, *state))
        }
        Subject::Execution { .. } => Ok(Map::new()),
    }
}

fn of_action(action: &ActionExecution, state: ActionState) -> Map<String, Value> {
    let setting = |name: &str| json!(action.resolved_configuration.get(name));
    match state {
        ActionState::Started if action.token.is_some() => object(json!({
            "externalEntityLink": setting("ExternalEntityLink"),
            "customData": setting("CustomData"),
        })),
        ActionState::Failed => object(json!({"additionalInformation": reason(action)})),
        ActionState::Started | ActionState::Succeeded | ActionState::Abandoned => Map::new(),
    }
}

/// The failed actions of the stage that the execution was in last.
fn failures(
    commit: &mut Commit<'_, '_>,
    execution: ExecutionId,
    with_stage: bool,
) -> Result<Map<String, Value>, Fault> {
    commit.flush()?;
    let prefix = ActionExecution::of_execution(commit.pipeline.id, execution);
    let newest_first = Range::prefix(prefix).descending();
    let page = commit.tx.scan_index::<ActionExecution>(ActionExecution::EXECUTION, newest_first, SHOWN)?;
    let latest = page.into_records();
    let Some(stage) = latest.first().map(|action| action.stage.clone()) else { return Ok(Map::new()) };
    let mut seen: Vec<&str> = Vec::new();
    let mut failed = Vec::new();
    for action in latest.iter().take_while(|action| action.stage == stage) {
        // The newest attempt at each action counts.
        if seen.contains(&action.action.as_str()) {
            continue;
        }
        seen.push(&action.action);
        if action.status == ActionStatus::Failed {
            failed.push(json!({"action": action.action, "additionalInformation": reason(action)}));
        }
    }
    let mut attributes = object(json!({"failedActionCount": failed.len(), "failedActions": failed}));
    if with_stage {
        attributes.insert("failedStage".to_owned(), json!(stage));
    }
    Ok(attributes)
}

/// What the source actions of a stage brought, as far as it is known by now; nothing for other stages.
fn source_actions(
    commit: &mut Commit<'_, '_>,
    execution: ExecutionId,
    stage: &str,
) -> Result<Map<String, Value>, Fault> {
    let version = commit.execution(execution)?.version;
    let definition = commit.definition(version)?;
    let Some(declared) = definition.stage(stage) else { return Ok(Map::new()) };
    let mut sources = Vec::new();
    for action in declared.actions.iter().filter(|action| action.action_type_id.category.as_str() == "Source")
    {
        let last = commit.last_attempt(execution, stage, &action.name)?;
        let variables = last.and_then(|last| last.report.output_variables).unwrap_or_default();
        sources.push(json!({
            "sourceActionName": action.name,
            "sourceActionProvider": action.action_type_id.provider,
            "sourceActionVariables": variables,
        }));
    }
    if sources.is_empty() { Ok(Map::new()) } else { Ok(object(json!({"sourceActions": sources}))) }
}

fn reason(action: &ActionExecution) -> &str {
    let error = action.error.as_ref().map(|error| error.message.as_str());
    error.or(action.report.summary.as_deref()).unwrap_or_default()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
