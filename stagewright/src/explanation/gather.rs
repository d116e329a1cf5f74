//! Asks a server for the facts, with the caller's own permissions.

use std::collections::BTreeMap;

use aws::{Error, Remote, Timestamp};
use codebuild_model::BatchGetBuilds;
use codepipeline_model::{DescribePipelineExecution, DescribePipelineExecutionOutput};
use logs_model::GetLogEvents;

use super::{Build, Facts};
use crate::commands::run::view::clean;

/// Lines of a log that are shown.
const LOG_LINES: i32 = 20;
/// Builds that one call asks for. Source: CodeBuild API Reference, BatchGetBuilds.
const AT_ONCE: usize = 100;

/// What there is to know of an execution; without an id, of the one that was started last.
pub async fn gather(remote: &Remote, pipeline: &str, execution: Option<String>) -> Result<Facts, Error> {
    let describe =
        DescribePipelineExecution { pipeline_name: pipeline.to_owned(), pipeline_execution_id: execution };
    let execution = remote.call(describe).await?;
    let builds = builds(remote, &execution).await;
    Ok(Facts { execution, builds, now: Timestamp::now() })
}

/// The builds that somebody would ask about: those that run, and those that failed.
async fn builds(remote: &Remote, execution: &DescribePipelineExecutionOutput) -> BTreeMap<String, Build> {
    let asked = |status: Option<&str>| matches!(status, Some("InProgress" | "Failed"));
    let actions = execution.stages.iter().flat_map(|stage| &stage.actions);
    let of_actions = actions
        .filter(|action| action.action_type_id.provider == "CodeBuild" && asked(action.status.as_deref()))
        .filter_map(|action| action.external_execution_id.clone());
    let rules = execution.stages.iter().flat_map(|stage| &stage.conditions).flat_map(|found| &found.rules);
    let of_rules = rules
        .filter(|rule| rule.provider == "CodeBuild" && asked(Some(&rule.status)))
        .filter_map(|rule| rule.external_execution_id.clone());
    let ids: Vec<String> = of_actions.chain(of_rules).collect();
    let mut builds = BTreeMap::new();
    for ids in ids.chunks(AT_ONCE) {
        match remote.call(BatchGetBuilds { ids: ids.to_vec() }).await {
            Ok(answer) => {
                for build in answer.builds.unwrap_or_default() {
                    let id = build.id.clone().unwrap_or_default();
                    builds.insert(id, look_at(remote, build).await);
                }
            }
            Err(error) => {
                let unknown = Build { unreadable: Some(error.message), ..Build::default() };
                builds.extend(ids.iter().map(|id| (id.clone(), unknown.clone())));
            }
        }
    }
    builds
}

async fn look_at(remote: &Remote, build: codebuild_model::Build) -> Build {
    let phases = build.phases.unwrap_or_default();
    let messages = phases.iter().flat_map(|phase| phase.contexts.iter().flatten());
    let messages = messages.filter_map(|context| context.message.clone()).filter(|text| !text.is_empty());
    let current =
        phases.iter().find(|phase| phase.phase_type.as_ref().map(ToString::to_string) == build.current_phase);
    let mut known = Build {
        phase_since: current.and_then(|phase| phase.start_time),
        phase: build.current_phase,
        messages: messages.collect(),
        ..Build::default()
    };
    let place = build.logs.and_then(|logs| logs.group_name.zip(logs.stream_name));
    let Some((group, stream)) = place else { return known };
    let get = GetLogEvents {
        log_group_name: Some(group),
        log_stream_name: stream,
        limit: Some(LOG_LINES),
        start_from_head: Some(false),
        ..GetLogEvents::default()
    };
    match remote.call(get).await {
        Ok(page) => {
            let lines = page.events.unwrap_or_default().into_iter().filter_map(|event| event.message);
            known.log = lines.map(|line| clean(&line)).collect();
        }
        // The build has chosen its stream, and has not made it yet.
        Err(error) if error.code == "ResourceNotFoundException" => {}
        Err(error) => known.messages.push(format!("Its log could not be read: {}", error.message)),
    }
    known
}
