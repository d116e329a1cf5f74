//! Records as the API shows them.

use aws::{Scope, Timestamp};
use codebuild_model::{self as model, WebhookStatus};

use crate::{
    badge,
    driver::commands::run_sandbox,
    records::{
        Artifact, Batch, BatchPhase, Build, BuildId, BuildSummary, CommandExecution, Fleet, Group, LogStream,
        Phase, Project, Report, ReportGroup, ReportedFile, Summary, Webhook, batch_arn, report_group_arn,
    },
    report::{
        Kind,
        coverage::Counts,
        results::{CaseStatus, TestCase, TestSummary},
    },
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
    model::Webhook {
        url: record.url.clone(),
        payload_url: Some(webhook::endpoint::url(endpoint, &record.address)),
        last_modified_secret: Some(record.secret_modified),
        status: Some(if record.is_unfinished() { WebhookStatus::Creating } else { WebhookStatus::Active }),
        ..record.settings.0.clone()
    }
}

pub(crate) fn build(record: &Build) -> model::Build {
    let configuration = record.configuration.0.clone();
    let exported = record.exported.iter().map(|(name, value)| model::ExportedEnvironmentVariable {
        name: Some(name.clone()),
        value: Some(value.clone()),
    });
    let secondary = record.secondary_artifacts.iter().map(|artifact| {
        let mut settings = configuration.secondary_artifacts.iter().flatten();
        let own = settings.find(|own| own.artifact_identifier == artifact.identifier);
        model::BuildArtifacts { bucket_owner_access: own.and_then(owner_access), ..artifacts(artifact) }
    });
    let secondary: Vec<model::BuildArtifacts> = secondary.collect();
    let bucket_owner_access = configuration.artifacts.as_ref().and_then(owner_access);
    let primary = record.artifacts.as_ref();
    let primary =
        primary.map(|artifact| model::BuildArtifacts { bucket_owner_access, ..artifacts(artifact) });
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
        artifacts: Some(primary.unwrap_or_default()),
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
        auto_retry_config: record.auto_retry.as_ref().map(|retry| {
            let arn = |id: &Option<BuildId>| id.as_ref().map(|id| crate::records::arn(&record.scope, id));
            model::AutoRetryConfig {
                auto_retry_limit: Some(retry.limit),
                auto_retry_number: Some(retry.number),
                next_auto_retry: arn(&retry.next),
                previous_auto_retry: arn(&retry.previous),
            }
        }),
        build_batch_arn: record.part_of.as_ref().map(|part| {
            let batch = BuildId { project: record.id.project.clone(), uuid: part.batch };
            batch_arn(&record.scope, &batch)
        }),
        report_arns: Some(record.reports.iter().map(|report| report.arn(&record.scope)).collect())
            .filter(|reports: &Vec<String>| !reports.is_empty()),
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

pub(crate) fn batch(record: &Batch) -> model::BuildBatch {
    let configuration = record.configuration.0.clone();
    model::BuildBatch {
        id: Some(record.id.to_string()),
        arn: Some(record.arn()),
        build_batch_number: i64::try_from(record.number).ok(),
        start_time: Some(record.started),
        end_time: record.ended,
        current_phase: Some(record.current_phase().shown().as_str().to_owned()),
        build_batch_status: Some(record.status()),
        source_version: record.source_version.clone(),
        resolved_source_version: record.resolved_source_version.clone(),
        project_name: Some(record.id.project.clone()),
        phases: Some(record.phases.iter().map(batch_phase).collect()),
        source: configuration.source,
        secondary_sources: Some(configuration.secondary_sources.unwrap_or_default()),
        secondary_source_versions: Some(configuration.secondary_source_versions.unwrap_or_default()),
        artifacts: Some(artifacts(&record.artifacts.clone().unwrap_or_default())),
        report_arns: Some(record.reports.iter().map(|report| report.arn(&record.scope)).collect())
            .filter(|reports: &Vec<String>| !reports.is_empty()),
        secondary_artifacts: Some(vec![]),
        cache: configuration.cache,
        environment: configuration.environment,
        service_role: configuration.service_role,
        log_config: configuration.logs_config,
        build_timeout_in_minutes: configuration.timeout_in_minutes,
        queued_timeout_in_minutes: configuration.queued_timeout_in_minutes,
        complete: Some(record.is_complete()),
        initiator: Some(record.initiator.clone()),
        encryption_key: configuration.encryption_key,
        build_batch_config: configuration.build_batch_config,
        build_groups: Some(record.groups.iter().map(|entry| group(&record.scope, entry)).collect()),
        debug_session_enabled: record.debug_session.then_some(true),
        ..model::BuildBatch::default()
    }
}

fn batch_phase(record: &BatchPhase) -> model::BuildBatchPhase {
    let context = record.context.as_ref().map(|(code, message)| {
        vec![model::PhaseContext { status_code: Some(code.clone()), message: Some(message.clone()) }]
    });
    model::BuildBatchPhase {
        phase_type: Some(record.kind.shown()),
        phase_status: record.status.clone(),
        start_time: Some(record.started),
        end_time: record.ended,
        duration_in_seconds: record.ended.map(|ended| seconds_between(record.started, ended)),
        contexts: context,
    }
}

fn group(scope: &Scope, record: &Group) -> model::BuildGroup {
    let summaries = |summaries: &[BuildSummary]| -> Vec<model::BuildSummary> {
        summaries.iter().filter_map(|prior| summary(scope, record, prior)).collect()
    };
    model::BuildGroup {
        identifier: Some(record.build.identifier.clone()),
        depends_on: Some(record.build.depends_on.clone()),
        ignore_failure: Some(record.build.ignore_failure),
        current_build_summary: record.current.as_ref().and_then(|current| summary(scope, record, current)),
        prior_build_summary_list: Some(summaries(&record.prior)).filter(|prior| !prior.is_empty()),
    }
}

/// None while there is no build.
fn summary(scope: &Scope, group: &Group, record: &BuildSummary) -> Option<model::BuildSummary> {
    let status = record.status.clone()?;
    let of_build = |artifact: Option<&Artifact>, identifier: &str| model::ResolvedArtifact {
        r#type: Some(match artifact {
            Some(_) => model::ArtifactsType::S3,
            None => model::ArtifactsType::NoArtifacts,
        }),
        location: artifact.map(|artifact| artifact.location.clone()),
        identifier: Some(identifier.to_owned()),
    };
    let is_over = status != model::StatusType::InProgress;
    let secondary = record
        .secondary
        .iter()
        .map(|artifact| of_build(Some(artifact), artifact.identifier.as_deref().unwrap_or_default()));
    Some(model::BuildSummary {
        arn: record.build.as_ref().map(|id| crate::records::arn(scope, id)),
        requested_on: Some(record.requested),
        build_status: Some(status),
        primary_artifact: is_over.then(|| of_build(record.primary.as_ref(), &group.build.identifier)),
        secondary_artifacts: is_over.then(|| secondary.collect()),
    })
}

pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    i64::try_from(to.since(from).as_secs()).unwrap_or(i64::MAX)
}

fn owner_access(settings: &model::ProjectArtifacts) -> Option<model::BucketOwnerAccess> {
    settings.bucket_owner_access.clone()
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

pub(crate) fn report_group(record: &ReportGroup) -> model::ReportGroup {
    let tags = record
        .tags
        .iter()
        .map(|(key, value)| model::Tag { key: Some(key.clone()), value: Some(value.clone()) });
    model::ReportGroup {
        arn: Some(record.arn()),
        name: Some(record.name.clone()),
        r#type: Some(report_type(record.kind)),
        export_config: Some(record.export.0.clone()),
        created: Some(record.created),
        last_modified: Some(record.last_modified),
        tags: Some(tags.collect()),
        status: Some(match record.deleting {
            true => model::ReportGroupStatusType::Deleting,
            false => model::ReportGroupStatusType::Active,
        }),
    }
}

/// `has_workers`: at least one asks for its builds.
pub(crate) fn fleet(record: &Fleet, has_workers: bool) -> model::Fleet {
    let tags = record
        .tags
        .iter()
        .map(|(key, value)| model::Tag { key: Some(key.clone()), value: Some(value.clone()) });
    model::Fleet {
        arn: Some(record.arn()),
        name: Some(record.name.clone()),
        id: Some(record.id.to_string()),
        created: Some(record.created),
        last_modified: Some(record.last_modified),
        status: Some(fleet_status(record.deleting, has_workers)),
        tags: Some(tags.collect()),
        ..record.settings.0.clone()
    }
}

fn fleet_status(deleting: bool, has_workers: bool) -> model::FleetStatus {
    let (status_code, context, message) = match (deleting, has_workers) {
        (true, _) => (
            model::FleetStatusCode::PendingDeletion,
            Some(model::FleetContextCode::PendingDeletion),
            Some("It is deleted when its last build is over."),
        ),
        (false, true) => (model::FleetStatusCode::Active, None, None),
        (false, false) => (
            model::FleetStatusCode::Active,
            Some(model::FleetContextCode::InsufficientCapacity),
            Some("No worker of it has asked this server for builds in the last minute."),
        ),
    };
    model::FleetStatus { status_code: Some(status_code), context, message: message.map(str::to_owned) }
}

/// Of report groups that nobody has made by himself.
pub(crate) fn no_export() -> model::ReportExportConfig {
    model::ReportExportConfig {
        export_config_type: Some(model::ReportExportConfigType::NoExport),
        s3_destination: None,
    }
}

pub(crate) fn report_type(kind: Kind) -> model::ReportType {
    match kind {
        Kind::Test => model::ReportType::Test,
        Kind::CodeCoverage => model::ReportType::CodeCoverage,
    }
}

pub(crate) fn report(record: &Report) -> model::Report {
    let (tests, coverage) = match &record.summary {
        Some(Summary::Tests(tests)) => (Some(test_summary(tests)), None),
        Some(Summary::Coverage(counts)) => (None, Some(coverage_summary(*counts))),
        None => (None, None),
    };
    model::Report {
        arn: Some(record.arn()),
        r#type: Some(report_type(record.kind)),
        name: Some(record.id.to_string()),
        report_group_arn: Some(report_group_arn(&record.scope, &record.id.group)),
        execution_id: Some(record.execution.clone()),
        status: Some(record.status.shape()),
        created: Some(record.created),
        expired: Some(record.expires()),
        export_config: Some(record.export.0.clone()),
        truncated: Some(record.truncated),
        test_summary: tests,
        code_coverage_summary: coverage,
    }
}

fn test_summary(summary: &TestSummary) -> model::TestReportSummary {
    let number = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
    let counts = CaseStatus::ALL.into_iter();
    model::TestReportSummary {
        total: number(summary.total),
        status_counts: counts
            .map(|status| (status.as_str().to_owned(), number(summary.count(status))))
            .collect(),
        duration_in_nano_seconds: summary.nanoseconds,
    }
}

fn coverage_summary(counts: Counts) -> model::CodeCoverageReportSummary {
    model::CodeCoverageReportSummary {
        line_coverage_percentage: Some(counts.line_percentage()),
        lines_covered: shown(counts.lines_covered),
        lines_missed: shown(counts.lines_missed),
        branch_coverage_percentage: Some(counts.branch_percentage()),
        branches_covered: shown(counts.branches_covered),
        branches_missed: shown(counts.branches_missed),
    }
}

fn shown(count: u32) -> Option<i32> {
    Some(i32::try_from(count).unwrap_or(i32::MAX))
}

pub(crate) fn test_case(report: &Report, case: &TestCase) -> model::TestCase {
    model::TestCase {
        report_arn: Some(report.arn()),
        test_raw_data_path: Some(case.file.clone()),
        prefix: Some(case.prefix.clone()),
        name: Some(case.name.clone()),
        status: Some(case.status.as_str().to_owned()),
        duration_in_nano_seconds: Some(case.nanoseconds),
        message: Some(case.message.clone()),
        expired: Some(report.expires()),
        test_suite_name: Some(case.suite.clone()),
    }
}

pub(crate) fn code_coverage(report: &Report, reported: &ReportedFile) -> model::CodeCoverage {
    let counts = reported.file.counts;
    model::CodeCoverage {
        id: Some(format!("{}:{}", report.id.uuid, reported.place)),
        report_arn: Some(report.arn()),
        file_path: Some(reported.file.path.clone()),
        line_coverage_percentage: Some(counts.line_percentage()),
        lines_covered: shown(counts.lines_covered),
        lines_missed: shown(counts.lines_missed),
        branch_coverage_percentage: Some(counts.branch_percentage()),
        branches_covered: shown(counts.branches_covered),
        branches_missed: shown(counts.branches_missed),
        expired: Some(report.expires()),
    }
}
