//! A change of a source starts an execution.

use aws::{Event, Timestamp, event};
use serde_json::json;
use store::WriteTx;
use uuid::Uuid;

use super::commit::{Cause, Commit, Fault, NewExecution};
use crate::definitions::Definitions;
use crate::engine::{self, ExecutionId, Moment};
use crate::operations::start_pipeline_execution::default_variables;
use crate::records::{Execution, ExecutionTrigger, Pipeline, SourceOverride};

/// Events that AWS does not have come from a source of their own: rules for AWS's never meet them.
const SOURCE_OF_OURS: &str = "stagewright.codepipeline";
const NOT_STARTED: &str = "CodePipeline Pipeline Not Started By Change";

/// Why an execution is to start.
pub(crate) struct Triggered {
    pub(crate) trigger: ExecutionTrigger,
    pub(crate) overrides: Vec<SourceOverride>,
    /// Names the change: the same one starts nothing again. Client request tokens of users have no colon, these do.
    pub(crate) change: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Started {
    /// The execution that this change has started, now or before.
    Execution(ExecutionId),
    /// Why there is none.
    Not(String),
}

/// Starts an execution on the current version of the definition, with the default values of its variables.
pub(crate) fn start(
    tx: &mut WriteTx<'_>,
    definitions: &Definitions,
    pipeline: &Pipeline,
    triggered: Triggered,
    moment: Moment,
) -> Result<Started, Fault> {
    if let Some(change) = &triggered.change {
        let index = Execution::with_token(pipeline.id, change);
        if let Some(before) = tx.scan_index::<Execution>(Execution::TOKEN, index, 1)?.records.first() {
            return Ok(Started::Execution(before.id));
        }
    }
    let Some(definition) = definitions.get(tx, pipeline.id, pipeline.version)? else {
        return Ok(Started::Not("the pipeline has no definition".to_owned()));
    };
    let variables = match default_variables(&definition) {
        Ok(variables) => variables,
        Err(error) => return Ok(Started::Not(error.to_string())),
    };
    let new = NewExecution {
        trigger: triggered.trigger,
        variables,
        overrides: triggered.overrides,
        client_request_token: triggered.change,
    };
    let execution = ExecutionId(uuid::Builder::from_random_bytes(first_bytes(moment)).into_uuid());
    let mut commit = Commit::load(tx, definitions, pipeline, moment)?;
    match commit.apply(engine::Event::Started { execution }, &Cause { start: Some(new), ..Cause::default() })
    {
        Ok(()) => commit.finish().map(|()| Started::Execution(execution)),
        Err(Fault::Refused(refusal)) => Ok(Started::Not(refusal.to_string())),
        Err(error @ Fault::Error(_)) => Err(error),
    }
}

/// [`start`] for a change that nobody waits for: that it starts nothing is told as an event, of which rules can make a
/// message. AWS is silent.
pub(super) fn start_or_tell(
    tx: &mut WriteTx<'_>,
    definitions: &Definitions,
    pipeline: &Pipeline,
    triggered: Triggered,
    moment: Moment,
) -> Result<Option<ExecutionId>, Fault> {
    let trigger = triggered.trigger.clone();
    let why = match start(tx, definitions, pipeline, triggered, moment)? {
        Started::Execution(execution) => return Ok(Some(execution)),
        Started::Not(why) => why,
    };
    tracing::warn!(pipeline = pipeline.name, why, "a change starts no execution");
    let detail = json!({
        "pipeline": pipeline.name,
        "execution-trigger": {"trigger-type": trigger.kind, "trigger-detail": trigger.detail},
        "reason": why,
    });
    let at = Timestamp::from_millis(moment.at);
    let event = Event::new(&pipeline.scope, SOURCE_OF_OURS, NOT_STARTED, at, vec![pipeline.arn()], detail);
    tx.append(event::TOPIC, &event)?;
    Ok(None)
}

fn first_bytes(moment: Moment) -> [u8; 16] {
    let hash = blake3::keyed_hash(&moment.seed, b"execution");
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    bytes
}

/// The name of a change that came through a webhook.
pub(crate) fn change_of(webhook: Uuid, delivery: &str) -> String {
    format!("webhook:{webhook}:{delivery}")
}
