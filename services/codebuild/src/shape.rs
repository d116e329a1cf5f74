//! Records as the API shows them.

use aws::Timestamp;
use codebuild_model::{self as model, WebhookStatus};

use crate::{
    badge,
    records::{Artifact, Build, LogStream, Phase, Project, Webhook},
    webhook,
};

/// `endpoint` is the server's own address.
pub(crate) fn project(record: &Project, webhook: Option<&Webhook>, endpoint: &str) -> model::Project {
    model::Project {
        badge: Some(model::ProjectBadge {
            badge_enabled: Some(record.badge.is_some()),
            badge_request_url: record.badge.map(|badge| badge::url(endpoint, badge)),
        }),
        webhook: webhook.map(|webhook| self::webhook(webhook, endpoint)),
        name: Some(record.name.clone()),
        arn: Some(record.arn()),
        created: Some(record.created),
        last_modified: Some(record.last_modified),
        ..record.configuration.0.clone()
    }
}

/// Without its secret.
pub(crate) fn webhook(record: &Webhook, endpoint: &str) -> model::Webhook {
    let is_there = record.is_manual() || record.url.is_some();
    model::Webhook {
        url: record.url.clone(),
        payload_url: Some(webhook::endpoint::url(endpoint, &record.address)),
        last_modified_secret: Some(record.secret_modified),
        status: Some(if is_there { WebhookStatus::Active } else { WebhookStatus::Creating }),
        ..record.settings.0.clone()
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
        ..model::Build::default()
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
