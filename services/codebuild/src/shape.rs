//! Records as the API shows them.

use aws::Timestamp;
use codebuild_model as model;

use crate::driver::commands::run_sandbox;
use crate::records::{Artifact, Build, CommandExecution, LogStream, Phase, Project};

pub(crate) fn project(record: &Project) -> model::Project {
    model::Project {
        name: Some(record.name.clone()),
        arn: Some(record.arn()),
        created: Some(record.created),
        last_modified: Some(record.last_modified),
        ..record.configuration.0.clone()
    }
}

pub(crate) fn build(record: &Build) -> model::Build {
    let configuration = record.configuration.0.clone();
    let exported = record.exported.iter().map(|(name, value)| model::ExportedEnvironmentVariable {
        name: Some(name.clone()),
        value: Some(value.clone()),
    });
    let secondary: Vec<model::BuildArtifacts> = record.secondary_artifacts.iter().map(artifacts).collect();
    model::Build {
        id: Some(record.id.to_string()),
        arn: Some(record.arn()),
        build_number: i64::try_from(record.number).ok(),
        start_time: Some(record.started),
        end_time: record.ended,
        current_phase: Some(record.current_phase().as_str().to_owned()),
        build_status: Some(record.status()),
        source_version: record.source_version.clone(),
        resolved_source_version: record.resolved_source_version.clone(),
        project_name: Some(record.id.project.clone()),
        phases: Some(record.phases.iter().map(phase).collect()),
        source: configuration.source,
        secondary_sources: Some(configuration.secondary_sources.unwrap_or_default()),
        secondary_source_versions: Some(configuration.secondary_source_versions.unwrap_or_default()),
        artifacts: Some(record.artifacts.as_ref().map(artifacts).unwrap_or_default()),
        secondary_artifacts: Some(secondary).filter(|artifacts| !artifacts.is_empty()),
        cache: configuration.cache,
        environment: configuration.environment,
        service_role: configuration.service_role,
        logs: Some(logs(record)),
        timeout_in_minutes: configuration.timeout_in_minutes,
        queued_timeout_in_minutes: configuration.queued_timeout_in_minutes,
        build_complete: Some(record.is_complete()),
        initiator: Some(record.initiator.clone()),
        encryption_key: configuration.encryption_key,
        exported_environment_variables: Some(exported.collect()),
        debug_session: record.open.map(|_| model::DebugSession {
            session_enabled: Some(true),
            session_target: (!record.is_complete()).then(|| format!("codebuild:{}", record.id.uuid)),
        }),
        ..model::Build::default()
    }
}

pub(crate) fn sandbox(record: &Build) -> model::Sandbox {
    let configuration = record.configuration.0.clone();
    let begun = record.phases.iter().find(|phase| phase.kind == model::BuildPhaseType::Provisioning);
    let started = begun.map(|phase| phase.started);
    let phases = record.phases.iter().map(phase).map(|phase| model::SandboxSessionPhase {
        phase_type: phase.phase_type.map(|kind| kind.as_str().to_owned()),
        phase_status: phase.phase_status,
        start_time: phase.start_time,
        end_time: phase.end_time,
        duration_in_seconds: phase.duration_in_seconds,
        contexts: phase.contexts,
    });
    let status = sandbox_status(record).to_owned();
    model::Sandbox {
        id: Some(record.id.public()),
        arn: Some(record.arn()),
        project_name: Some(record.id.project_name().to_owned()),
        request_time: Some(record.started),
        start_time: started,
        end_time: record.ended,
        status: Some(status.clone()),
        source: configuration.source,
        source_version: record.source_version.clone(),
        secondary_sources: configuration.secondary_sources,
        secondary_source_versions: configuration.secondary_source_versions,
        environment: configuration.environment,
        timeout_in_minutes: configuration.timeout_in_minutes,
        queued_timeout_in_minutes: configuration.queued_timeout_in_minutes,
        log_config: configuration.logs_config,
        encryption_key: configuration.encryption_key,
        service_role: configuration.service_role,
        current_session: Some(model::SandboxSession {
            id: Some(record.id.uuid.to_string()),
            status: Some(status),
            start_time: started,
            end_time: record.ended,
            current_phase: Some(record.current_phase().as_str().to_owned()),
            phases: Some(phases.collect()),
            resolved_source_version: record.resolved_source_version.clone(),
            logs: Some(logs(record)),
            ..model::SandboxSession::default()
        }),
        ..model::Sandbox::default()
    }
}

/// The API names no values; these are those of its guide.
pub(crate) fn sandbox_status(record: &Build) -> &'static str {
    if record.is_complete() {
        return match record.status() {
            model::StatusType::Failed | model::StatusType::Fault => "FAILED",
            _ => "STOPPED",
        };
    }
    match record.open_phase() {
        _ if record.stopping => "STOPPING",
        Some(model::BuildPhaseType::Submitted | model::BuildPhaseType::Queued) => "QUEUED",
        Some(phase) if *phase == run_sandbox() => "RUNNING_SANDBOX",
        Some(model::BuildPhaseType::Finalizing) => "STOPPING",
        Some(_) | None => "PROVISIONING",
    }
}

pub(crate) fn command_execution(record: &CommandExecution, sandbox: &Build) -> model::CommandExecution {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    model::CommandExecution {
        id: Some(record.id.to_string()),
        sandbox_id: Some(sandbox.id.public()),
        sandbox_arn: Some(sandbox.arn()),
        submit_time: Some(record.submitted),
        start_time: record.started,
        end_time: record.ended,
        status: Some(record.status().to_owned()),
        command: Some(record.command.clone()),
        r#type: Some(model::CommandType::Shell),
        exit_code: record.exit_code.map(|code| code.to_string()),
        standard_output_content: text(&record.stdout),
        standard_err_content: text(&record.stderr),
        logs: Some(logs(sandbox)),
    }
}

fn phase(record: &Phase) -> model::BuildPhase {
    let context = record.context.as_ref().map(|(code, message)| {
        vec![model::PhaseContext { status_code: Some(code.clone()), message: Some(message.clone()) }]
    });
    model::BuildPhase {
        phase_type: Some(record.kind.clone()),
        phase_status: record.status.clone(),
        start_time: Some(record.started),
        end_time: record.ended,
        duration_in_seconds: record.ended.map(|ended| seconds_between(record.started, ended)),
        contexts: context,
    }
}

pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    i64::try_from(to.since(from).as_secs()).unwrap_or(i64::MAX)
}

fn artifacts(record: &Artifact) -> model::BuildArtifacts {
    model::BuildArtifacts {
        location: Some(record.location.clone()),
        sha256sum: record.sha256.clone(),
        md5sum: record.md5.clone(),
        artifact_identifier: record.identifier.clone(),
        ..model::BuildArtifacts::default()
    }
}

fn logs(record: &Build) -> model::LogsLocation {
    let config = record.configuration.0.logs_config.clone().unwrap_or_default();
    let region = record.scope.region.as_str();
    let (group, stream) = match &record.log {
        Some(LogStream { group, stream }) => (group.as_str(), stream.as_str()),
        None => ("null", "null"),
    };
    // The console's links quote the names twice, with `$` for the outer percent sign.
    let quoted = |name: &str| name.replace('/', "$252F");
    let link = format!(
        "https://console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{}/log-events/{}",
        quoted(group),
        quoted(stream)
    );
    let arn = record.scope.arn("logs", format_args!("log-group:{group}:log-stream:{stream}"));
    let known = record.log.as_ref();
    model::LogsLocation {
        group_name: known.map(|log| log.group.clone()),
        stream_name: known.map(|log| log.stream.clone()),
        deep_link: Some(link),
        cloud_watch_logs_arn: Some(arn.to_string()),
        cloud_watch_logs: config.cloud_watch_logs.or_else(|| {
            let status = model::LogsConfigStatusType::Enabled;
            Some(model::CloudWatchLogsConfig { status, group_name: None, stream_name: None })
        }),
        s3_logs: config.s3_logs,
        ..model::LogsLocation::default()
    }
}
