//! Asks a server for the facts, with the caller's own permissions.

use std::collections::BTreeMap;

use aws::{Error, Region, Timestamp};
use codebuild_model::{BatchGetBuildBatches, BatchGetBuilds, BuildGroup, StatusType};
use codepipeline_model::{DescribePipelineExecution, DescribePipelineExecutionOutput};
use logs_model::GetLogEvents;

use super::{Build, Facts};
use crate::commands::run::action_log::{self, Calls, Kind, Stream, Work};
use crate::commands::run::view::clean;

/// Lines of a log that are shown.
const LOG_LINES: i32 = 20;
/// Builds that one call asks for. Source: CodeBuild API Reference, BatchGetBuilds.
const AT_ONCE: usize = 100;

/// What there is to know of an execution; without an id, of the one that was started last.
pub async fn gather(server: &impl Calls, pipeline: &str, execution: Option<String>) -> Result<Facts, Error> {
    let describe =
        DescribePipelineExecution { pipeline_name: pipeline.to_owned(), pipeline_execution_id: execution };
    let execution = server.call(describe).await?;
    let builds = builds(server, &execution).await;
    Ok(Facts { execution, builds, now: Timestamp::now() })
}

/// The work that somebody would ask about: what runs, and what failed.
async fn builds(server: &impl Calls, execution: &DescribePipelineExecutionOutput) -> BTreeMap<String, Build> {
    let asked = |status: Option<&str>| matches!(status, Some("InProgress" | "Failed"));
    let actions = execution.stages.iter().flat_map(|stage| &stage.actions);
    let of_actions = actions
        .filter(|action| asked(action.status.as_deref()))
        .filter_map(|action| Some((action.external_execution_id.clone()?, Work::of_action(action)?)));
    let rules = execution.stages.iter().flat_map(|stage| &stage.conditions).flat_map(|found| &found.rules);
    let of_rules = rules
        .filter(|rule| asked(Some(&rule.status)))
        .filter_map(|rule| Some((rule.external_execution_id.clone()?, Work::of_rule(rule)?)));
    let mut known = BTreeMap::new();
    // Each is asked of its region.
    let mut builds: BTreeMap<Option<Region>, Vec<String>> = BTreeMap::new();
    for (id, work) in of_actions.chain(of_rules) {
        let server = work.asked_of(server);
        match work.kind {
            Kind::Build(_) => builds.entry(work.region).or_default().push(id),
            Kind::Batch(batch) => {
                let found = of_batch(&server, batch).await;
                known.insert(id, found.unwrap_or_else(unreadable));
            }
            Kind::Stream(stream) => {
                let mut build = Build::default();
                build.add_log(&server, stream).await;
                known.insert(id, build);
            }
        }
    }
    for (region, ids) in builds {
        let server = region.map_or_else(|| server.clone(), |region| server.in_region(region));
        for ids in ids.chunks(AT_ONCE) {
            known.extend(of_builds(&server, ids).await);
        }
    }
    known
}

/// Builds by their ids, as many as one call may ask for.
async fn of_builds(server: &impl Calls, ids: &[String]) -> BTreeMap<String, Build> {
    let builds = match server.call(BatchGetBuilds { ids: ids.to_vec() }).await {
        Ok(answer) => answer.builds.unwrap_or_default(),
        Err(error) => {
            let unknown = unreadable(error);
            return ids.iter().map(|id| (id.clone(), unknown.clone())).collect();
        }
    };
    let mut known = BTreeMap::new();
    for build in builds {
        let id = build.id.clone().unwrap_or_default();
        known.insert(id, look_at(server, build).await);
    }
    known
}

fn unreadable(error: Error) -> Build {
    Build { unreadable: Some(error.message), ..Build::default() }
}

/// A batch, with the log of its first build that has failed.
async fn of_batch(server: &impl Calls, batch: String) -> Result<Build, Error> {
    let found = server.call(BatchGetBuildBatches { ids: vec![batch] }).await?.build_batches;
    let Some(batch) = found.into_iter().flatten().next() else { return Ok(Build::default()) };
    let phases = batch.phases.iter().flatten();
    let messages = phases.flat_map(|phase| phase.contexts.iter().flatten());
    let mut known = Build {
        phase: batch.current_phase.clone(),
        messages: messages.filter_map(|context| context.message.clone()).collect(),
        ..Build::default()
    };
    let has_failed = |group: &&BuildGroup| {
        let current = group.current_build_summary.as_ref();
        let status = current.and_then(|current| current.build_status.as_ref());
        matches!(status, Some(StatusType::Failed | StatusType::Fault | StatusType::TimedOut))
    };
    let failed = batch.build_groups.iter().flatten().filter(has_failed).find_map(action_log::build_of);
    let Some((name, id)) = failed else { return Ok(known) };
    let builds = server.call(BatchGetBuilds { ids: vec![id.clone()] }).await?.builds;
    if let Some(build) = builds.into_iter().flatten().next() {
        let of_build = look_at(server, build).await;
        known
            .messages
            .extend(of_build.messages.into_iter().map(|text| format!("Build {name} ({id}): {text}")));
        known.log = of_build.log;
    }
    known.messages.retain(|text| !text.is_empty());
    Ok(known)
}

async fn look_at(server: &impl Calls, build: codebuild_model::Build) -> Build {
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
    if let Some((group, name)) = build.logs.and_then(|logs| logs.group_name.zip(logs.stream_name)) {
        known.add_log(server, Stream { group, name }).await;
    }
    known
}

impl Build {
    async fn add_log(&mut self, server: &impl Calls, stream: Stream) {
        let get = GetLogEvents {
            log_group_name: Some(stream.group),
            log_stream_name: stream.name,
            limit: Some(LOG_LINES),
            start_from_head: Some(false),
            ..GetLogEvents::default()
        };
        match server.call(get).await {
            Ok(page) => {
                let lines = page.events.unwrap_or_default().into_iter().filter_map(|event| event.message);
                self.log = lines.map(|line| clean(&line)).collect();
            }
            // The build has chosen its stream, and has not made it yet.
            Err(error) if error.code == "ResourceNotFoundException" => {}
            Err(error) => self.messages.push(format!("Its log could not be read: {}", error.message)),
        }
    }
}
