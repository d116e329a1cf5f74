//! Changes of state as events for the world, appended in the transaction that makes the change.
//! Source: CodeBuild User Guide, "Build notifications input format reference".

use aws::{Event, Timestamp, compute, event, protocol::json};
use codebuild_model as model;
use serde_json::{Map, Value, json};
use store::WriteTx;

use crate::{
    records::{Artifact, Build, Phase},
    shape::seconds_between,
    state::News,
};

pub(crate) const SOURCE: &str = "aws.codebuild";
pub(crate) const STATE_CHANGE: &str = "CodeBuild Build State Change";

/// Appends the event of a change.
pub(crate) fn publish(
    tx: &mut WriteTx<'_>,
    build: &Build,
    news: &News,
    at: Timestamp,
) -> Result<(), store::Error> {
    if build.on_behalf_of.is_some() {
        if !build.is_complete() {
            return Ok(());
        }
        let detail = json!({"id": build.id.uuid});
        let event = Event::new(&build.scope, compute::SOURCE, compute::ENDED, at, vec![], detail);
        return tx.append(event::UNPUBLISHED_TOPIC, &event);
    }
    // No events of sandboxes are known.
    if build.is_sandbox() {
        return Ok(());
    }
    let (detail_type, detail) = match news {
        News::State => (STATE_CHANGE, state_change(build)),
        News::PhaseEnded(index) => match build.phases.get(*index) {
            Some(phase) => ("CodeBuild Build Phase Change", phase_change(build, phase)),
            None => return Ok(()),
        },
    };
    let event = Event::new(&build.scope, SOURCE, detail_type, at, vec![build.arn()], detail);
    tx.append(event::TOPIC, &event)
}

fn state_change(build: &Build) -> Value {
    json!({
        "build-status": build.status().as_str(),
        "project-name": build.id.project,
        "build-id": build.arn(),
        "additional-information": additional_information(build),
        "current-phase": build.current_phase().as_str(),
        "current-phase-context": "[]",
        "version": "1",
    })
}

fn phase_change(build: &Build, phase: &Phase) -> Value {
    let ended = phase.ended.unwrap_or(phase.started);
    json!({
        "completed-phase": phase.kind.as_str(),
        "project-name": build.id.project,
        "build-id": build.arn(),
        "completed-phase-context": format!("[{}]", context(phase).unwrap_or_default()),
        "additional-information": additional_information(build),
        "completed-phase-status": phase.status.as_ref().map(model::StatusType::as_str),
        "completed-phase-duration-seconds": seconds(phase, ended),
        "version": "1",
        "completed-phase-start": time(phase.started),
        "completed-phase-end": time(ended),
    })
}

/// `CODE: message`, and `: ` for a phase that went well.
fn context(phase: &Phase) -> Option<String> {
    phase.context.as_ref().map(|(code, message)| format!("{code}: {message}"))
}

/// Durations and numbers of these events have a fraction: `1.0`.
#[expect(clippy::cast_precision_loss, reason = "seconds of a build are few")]
fn seconds(phase: &Phase, ended: Timestamp) -> f64 {
    seconds_between(phase.started, ended) as f64
}

/// `Mar 1, 2024 9:58:00 AM`
fn time(at: Timestamp) -> String {
    at.format("%b %-d, %Y %-I:%M:%S %p")
}

fn additional_information(build: &Build) -> Value {
    let settings = &build.configuration.0;
    let number = |value: Option<i32>| value.map(f64::from);
    let mut information = Map::new();
    let mut add = |name: &str, value: Value| {
        if !value.is_null() {
            information.insert(name.to_owned(), value);
        }
    };
    add("timeout-in-minutes", json!(number(settings.timeout_in_minutes)));
    add("queued-timeout-in-minutes", json!(number(settings.queued_timeout_in_minutes)));
    add("build-complete", json!(build.is_complete()));
    #[expect(clippy::cast_precision_loss, reason = "nobody makes 2^53 builds")]
    add("build-number", json!(build.number as f64));
    add("initiator", json!(build.initiator));
    add("build-start-time", json!(time(build.started)));
    add("cache", json!({"type": settings.cache.as_ref().map_or("NO_CACHE", |cache| cache.r#type.as_str())}));
    add("source", settings.source.as_ref().map_or(Value::Null, source));
    add("source-version", json!(build.source_version));
    add("artifact", build.artifacts.as_ref().map_or(Value::Null, artifact));
    add("environment", settings.environment.as_ref().map_or(Value::Null, environment));
    if let Some(log) = &build.log {
        let link = crate::shape::build(build).logs.and_then(|logs| logs.deep_link);
        add("logs", json!({"group-name": log.group, "stream-name": log.stream, "deep-link": link}));
    }
    add("phases", build.phases.iter().map(phase_entry).collect());
    Value::Object(information)
}

fn source(source: &model::ProjectSource) -> Value {
    let mut entry = Map::new();
    if let Some(location) = &source.location {
        entry.insert("location".to_owned(), json!(location));
    }
    entry.insert("type".to_owned(), json!(source.r#type.as_str()));
    Value::Object(entry)
}

fn artifact(artifact: &Artifact) -> Value {
    let Artifact { md5, sha256, location, .. } = artifact;
    let mut entry = Map::new();
    for (name, value) in [("md5sum", md5), ("sha256sum", sha256)] {
        if let Some(value) = value {
            entry.insert(name.to_owned(), json!(value));
        }
    }
    entry.insert("location".to_owned(), json!(location));
    Value::Object(entry)
}

/// Values of variables are as the API shows them: references, never what is behind them.
fn environment(environment: &model::ProjectEnvironment) -> Value {
    let variables = environment.environment_variables.iter().flatten();
    let variables: Vec<Value> = variables
        .map(|variable| {
            let mut entry = json::to_value(variable, &model::ENVIRONMENT_VARIABLE);
            if entry.get("type").is_none() {
                entry["type"] = json!("PLAINTEXT");
            }
            entry
        })
        .collect();
    json!({
        "image": environment.image,
        "privileged-mode": environment.privileged_mode.unwrap_or(false),
        "image-pull-credentials-type":
            environment.image_pull_credentials_type.as_ref().map_or("CODEBUILD", |kind| kind.as_str()),
        "compute-type": environment.compute_type.as_str(),
        "type": environment.r#type.as_str(),
        "environment-variables": variables,
    })
}

fn phase_entry(phase: &Phase) -> Value {
    let mut entry = Map::new();
    if let (Some(status), Some(ended)) = (&phase.status, phase.ended) {
        let contexts: Vec<String> = context(phase).into_iter().collect();
        entry.insert("phase-context".to_owned(), json!(contexts));
        entry.insert("start-time".to_owned(), json!(time(phase.started)));
        entry.insert("end-time".to_owned(), json!(time(ended)));
        entry.insert("duration-in-seconds".to_owned(), json!(seconds(phase, ended)));
        entry.insert("phase-type".to_owned(), json!(phase.kind.as_str()));
        entry.insert("phase-status".to_owned(), json!(status.as_str()));
    } else {
        entry.insert("start-time".to_owned(), json!(time(phase.started)));
        entry.insert("phase-type".to_owned(), json!(phase.kind.as_str()));
    }
    Value::Object(entry)
}

#[cfg(test)]
mod tests {
    use codebuild_model::BuildPhaseType;

    use super::*;
    use crate::state::{
        Change, Outcome,
        tests::{at, build},
    };

    #[test]
    fn failed_phase_and_final_state() {
        let mut build = build();
        build.apply(Change::Enter { phase: BuildPhaseType::Build, at: at(5) });
        let outcome = Outcome::failed("COMMAND_EXECUTION_ERROR", "Error while executing command: make");
        build.apply(Change::Leave { phase: BuildPhaseType::Build, outcome, at: at(8) });
        build.apply(Change::Complete { at: at(9) });

        let change = phase_change(&build, &build.phases[0]);
        assert_eq!(change["completed-phase"], "BUILD");
        assert_eq!(
            change["completed-phase-context"],
            "[COMMAND_EXECUTION_ERROR: Error while executing command: make]"
        );
        assert_eq!(change["completed-phase-duration-seconds"].to_string(), "3.0");
        assert_eq!(change["completed-phase-start"], "Mar 1, 2024 9:58:05 AM");

        let change = state_change(&build);
        assert_eq!(change["build-status"], "FAILED");
        assert_eq!(change["current-phase"], "COMPLETED");
        let information = &change["additional-information"];
        assert_eq!(information["build-number"].to_string(), "7.0");
        assert_eq!(
            information["phases"][1],
            json!({"start-time": "Mar 1, 2024 9:58:09 AM", "phase-type": "COMPLETED"})
        );
    }

    #[test]
    fn phase_that_went_well() {
        let mut build = build();
        build.apply(Change::Enter { phase: BuildPhaseType::Install, at: at(5) });
        build.apply(Change::Leave {
            phase: BuildPhaseType::Install,
            outcome: Outcome::succeeded(),
            at: at(5),
        });
        assert_eq!(phase_change(&build, &build.phases[0])["completed-phase-context"], "[: ]");
        assert_eq!(phase_entry(&build.phases[0])["phase-context"], json!([": "]));
    }
}
