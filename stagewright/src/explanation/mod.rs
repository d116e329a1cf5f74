//! Why an execution waits, or why it failed: sentences made of facts. Pure; [`gather`] gets the facts from a server.

mod failure;
pub mod gather;
mod permission;
mod waits;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aws::Timestamp;
use codepipeline_model::DescribePipelineExecutionOutput;
use serde::Serialize;

pub use permission::Missing;

/// What is known.
pub struct Facts {
    pub execution: DescribePipelineExecutionOutput,
    /// Builds, batches and commands of actions and rules that run or have failed, by the id of the build, batch or run.
    pub builds: BTreeMap<String, Build>,
    pub now: Timestamp,
}

/// A build, as far as the caller may see it.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// The phase that it is in, or that failed.
    pub phase: Option<String>,
    pub phase_since: Option<Timestamp>,
    /// What its failed phases say.
    pub messages: Vec<String>,
    /// The last lines of its log, cleaned.
    pub log: Vec<String>,
    /// Why it could not be looked at.
    pub unreadable: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub pipeline_name: String,
    pub pipeline_execution_id: String,
    pub status: String,
    /// How it stands, in a sentence.
    pub headline: String,
    pub waits_for: Vec<Wait>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// What kind of thing an execution waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    StageLock,
    Queue,
    Transition,
    EarlierVersion,
    Approval,
    JobWorker,
    Build,
    Condition,
    Action,
    Stop,
}

/// One thing that it waits for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    pub kind: Kind,
    pub stage: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub since: Option<Timestamp>,
    pub sentence: String,
    /// What would move it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// The first cause of a failure.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub stage: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub at: Option<Timestamp>,
    pub sentence: String,
    /// What its provider says beyond that.
    pub details: Vec<String>,
    pub log: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_permission: Option<Missing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

fn as_text<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.serialize_str(&at.to_iso8601_millis()),
        None => serializer.serialize_none(),
    }
}

/// Everything that can be said.
pub fn explain(facts: &Facts) -> Explanation {
    let execution = &facts.execution;
    Explanation {
        pipeline_name: execution.pipeline_name.clone(),
        pipeline_execution_id: execution.pipeline_execution_id.clone(),
        status: execution.status.clone(),
        headline: headline(facts),
        waits_for: waits::waits(facts),
        failure: failure::failure(facts),
    }
}

fn headline(facts: &Facts) -> String {
    let execution = &facts.execution;
    let who = format!("Execution {}", execution.pipeline_execution_id);
    let until = ago(execution.last_update_time, facts.now);
    let outdated = execution.pipeline_version != execution.current_version;
    let version = match outdated {
        true => format!(
            " on version {} of the pipeline, whose current version is {}",
            execution.pipeline_version, execution.current_version
        ),
        false => String::new(),
    };
    match execution.status.as_str() {
        "InProgress" => {
            format!("{who} is in progress since {}{version}.", ago(execution.start_time, facts.now))
        }
        "Stopping" => format!("{who} is being stopped{}.", reason(execution.stop_reason.as_deref())),
        "Stopped" => format!("{who} was stopped at {until}{}.", reason(execution.stop_reason.as_deref())),
        "Superseded" => {
            format!("{who} was superseded at {until}: an execution with newer sources took its place.")
        }
        "Cancelled" => format!(
            "{who} was cancelled at {until}: the pipeline's definition was replaced while it ran. With the tag \
             stagewright:pin-running-executions = true on the pipeline, executions go on instead."
        ),
        "Failed" => format!("{who} failed at {until}{version}."),
        "Succeeded" => format!("{who} succeeded at {until}{version}."),
        other => format!("{who} is {other}."),
    }
}

fn reason(reason: Option<&str>) -> String {
    reason.filter(|reason| !reason.is_empty()).map(|reason| format!(": '{reason}'")).unwrap_or_default()
}

/// `2026-01-02T10:11:12.000Z (3m05s ago)`
fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({} ago)", at.to_iso8601_millis(), span(at, now))
}

/// `2026-01-02T10:11:12.000Z (in 3m05s)`
fn ahead(at: Timestamp, now: Timestamp) -> String {
    format!("{} (in {})", at.to_iso8601_millis(), span(now, at))
}

/// `12s`, `3m05s`, `2h07m`, `3d`.
fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.as_millis().saturating_sub(from.as_millis()).max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..172_800 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,".contains(c);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', "'\\''")),
    }
}
