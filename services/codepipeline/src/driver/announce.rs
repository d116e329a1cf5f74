//! Changes of state as events for the world, appended in the transaction that makes the change.
//! Source: CodePipeline User Guide, "Monitoring CodePipeline events"; members as observed.

use aws::event::{self, Announcement};
use aws::{Event, Timestamp};
use serde_json::{Map, Value, json};

use super::additional;
use super::commit::{Commit, Fault};
use crate::definition::{Definition, scope_of_action};
use crate::engine::{ActionState, Change, ExecutionState, StageState, Subject};
use crate::providers::{Artifact, cut};
use crate::records::{ActionExecution, Execution};
use crate::triggers;

pub(crate) const SOURCE: &str = "aws.codepipeline";
/// Characters of what a trigger tells: a commit's message may be longer than an event.
const VALUE: usize = 2048;

/// Numbers in these events are printed with a fraction: `1.0`.
pub(super) fn publish(commit: &mut Commit<'_, '_>, change: &Change) -> Result<(), Fault> {
    let execution = commit.execution(change.execution)?.clone();
    let mut detail = Map::new();
    detail.insert("pipeline".into(), json!(commit.pipeline.name));
    detail.insert("execution-id".into(), json!(execution.id));
    let kind = match &change.subject {
        Subject::Execution { state } => {
            describe_execution(&mut detail, &execution, *state);
            if *state != ExecutionState::Started
                && let Some(source) = connected_source(commit, &execution)?
            {
                detail.insert("execution-trigger".into(), source);
            }
            "Pipeline"
        }
        Subject::Stage { stage, state, since, retried_at } => {
            detail.insert("start-time".into(), time(Timestamp::from_millis(*since)));
            detail.insert("stage".into(), json!(&**stage));
            detail.insert("state".into(), json!(state.as_str()));
            retried(&mut detail, *retried_at);
            if matches!(state, StageState::Stopping | StageState::Stopped) {
                stop_comments(&mut detail, &execution);
            }
            "Stage"
        }
        Subject::Action { id, state, retried_at, .. } => {
            let action = commit.action(*id)?.clone();
            let definition = commit.definition(action.version)?;
            describe_action(&mut detail, &action, &definition, *state);
            let declared = definition.action(&action.stage, &action.action);
            let home = &commit.pipeline.scope;
            let scope = declared.map_or_else(|| home.clone(), |declared| scope_of_action(declared, home));
            detail.insert("region".into(), json!(scope.region.as_str()));
            retried(&mut detail, *retried_at);
            "Action"
        }
    };
    detail.insert("version".into(), json!(f64::from(execution.version)));
    detail.insert("pipeline-execution-attempt".into(), json!(f64::from(change.attempt)));
    let detail_type = format!("CodePipeline {kind} Execution State Change");
    let event = Event::new(
        &commit.pipeline.scope,
        SOURCE,
        &detail_type,
        commit.now(),
        vec![commit.pipeline.arn()],
        Value::Object(detail),
    );
    let additional = additional::attributes(commit, change)?;
    commit.tx.append(event::TOPIC, &Announcement { event, additional })?;
    Ok(())
}

/// What a source behind a connection has taken, once it has: from then on it is what the trigger tells of.
fn connected_source(commit: &mut Commit<'_, '_>, execution: &Execution) -> Result<Option<Value>, Fault> {
    let definition = commit.definition(execution.version)?;
    let mut actions = definition.actions();
    let Some((stage, action)) =
        actions.find(|(_, action)| action.action_type_id.provider == triggers::PROVIDER)
    else {
        return Ok(None);
    };
    let taken = commit.maker(execution.id, &stage.name, &action.name)?;
    let variables = taken.and_then(|taken| taken.report.output_variables);
    let shown = |(name, value): (String, String)| (kebab_case(&name), json!(cut(&value, VALUE)));
    Ok(variables.map(|variables| Value::Object(variables.into_iter().map(shown).collect())))
}

/// `AuthorDisplayName` as events spell it: `author-display-name`.
fn kebab_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn describe_execution(detail: &mut Map<String, Value>, execution: &Execution, state: ExecutionState) {
    detail.insert("start-time".into(), time(execution.started_at));
    if state == ExecutionState::Started {
        let trigger = &execution.trigger;
        let trigger = json!({"trigger-type": trigger.kind, "trigger-detail": trigger.detail});
        detail.insert("execution-trigger".into(), trigger);
    }
    detail.insert("state".into(), json!(state.as_str()));
    if matches!(state, ExecutionState::Stopping | ExecutionState::Stopped) {
        stop_comments(detail, execution);
    }
}

fn describe_action(
    detail: &mut Map<String, Value>,
    action: &ActionExecution,
    definition: &Definition,
    state: ActionState,
) {
    detail.insert("start-time".into(), time(action.started_at));
    detail.insert("stage".into(), json!(action.stage));
    detail.insert("action-execution-id".into(), json!(action.id));
    detail.insert("action".into(), json!(action.action));
    detail.insert("input-artifacts".into(), artifacts(&action.inputs));
    detail.insert("output-artifacts".into(), artifacts(&action.outputs));
    if state != ActionState::Started {
        let mut result = Map::new();
        let report = &action.report;
        // Where the provider has nothing to say, the error does. Source: observed events.
        let summary = report.summary.as_ref().or(action.error.as_ref().map(|error| &error.message));
        let parts = [
            ("external-execution-url", report.external_execution_url.as_ref()),
            ("external-execution-summary", summary),
            ("external-execution-id", report.external_execution_id.as_ref()),
            ("error-code", action.error.as_ref().map(|error| &error.code)),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                result.insert(name.into(), json!(value));
            }
        }
        detail.insert("execution-result".into(), Value::Object(result));
    }
    detail.insert("state".into(), json!(state.as_str()));
    if let Some(declared) = definition.action(&action.stage, &action.action) {
        let id = &declared.action_type_id;
        let id = json!({
            "owner": id.owner.as_str(),
            "provider": id.provider,
            "category": id.category.as_str(),
            "version": id.version,
        });
        detail.insert("type".into(), id);
    }
}

fn artifacts(artifacts: &[Artifact]) -> Value {
    let artifacts = artifacts.iter().map(|artifact| {
        json!({"name": artifact.name, "s3location": {"bucket": artifact.bucket, "key": artifact.key}})
    });
    artifacts.collect()
}

fn retried(detail: &mut Map<String, Value>, retried_at: Option<i64>) {
    if let Some(at) = retried_at {
        detail.insert("stage-last-retry-attempt-time".into(), time(Timestamp::from_millis(at)));
    }
}

fn stop_comments(detail: &mut Map<String, Value>, execution: &Execution) {
    if let Some(reason) = &execution.stop_reason {
        detail.insert("stop-execution-comments".into(), json!(reason));
    }
}

fn time(at: Timestamp) -> Value {
    json!(at.to_iso8601_millis())
}
