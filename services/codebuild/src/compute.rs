//! Commands of other services: builds without a project, which no operation shows.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws::{
    Compute, Scope, Timestamp,
    compute::{Run, RunState, RunStatus, Size},
};
use codebuild_model::{
    ArtifactNamespace, ArtifactPackaging, ArtifactsType, CloudWatchLogsConfig, ComputeType, EnvironmentType,
    EnvironmentVariable, EnvironmentVariableType, LogsConfig, LogsConfigStatusType, Project as Settings,
    ProjectArtifacts, ProjectEnvironment, ProjectSource, SourceType, StatusType,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    CodeBuild,
    driver::stream_of,
    error::Error,
    operations::{start_build, stop_build},
    project::complete,
    records::{Build, BuildId, Configuration, LogStream, OnBehalfOf, Step},
};

/// The image that AWS runs such commands in.
const IMAGE: &str = "aws/codebuild/amazonlinux2-x86_64-standard:5.0";

#[async_trait]
impl Compute for CodeBuild {
    async fn start(&self, run: Run) -> Result<RunState, aws::Error> {
        let build = build(run)?;
        let config = self.config.clone();
        let write = self.store.write(move |tx| {
            if let Some(known) = tx.get::<Build>(&Build::key_of(&build.scope, &build.id))? {
                return Ok(known.into_inner());
            }
            start_build::check_queue(tx, &config)?;
            start_build::put(build.clone(), tx)
        });
        Ok(state(&write.await?))
    }

    async fn state(&self, scope: &Scope, id: Uuid, name: &str) -> Result<Option<RunState>, aws::Error> {
        let found = self.find_build(&key(scope, id, name)).await.map_err(Error::from)?;
        Ok(found.as_ref().map(state))
    }

    async fn stop(&self, scope: &Scope, id: Uuid, name: &str) -> Result<(), aws::Error> {
        match self.find_build(&key(scope, id, name)).await.map_err(Error::from)? {
            Some(build) => Ok(stop_build::stop(self, build, Timestamp::now()).await.map(|_| ())?),
            None => Ok(()),
        }
    }
}

fn key(scope: &Scope, id: Uuid, name: &str) -> store::Key {
    Build::key_of(scope, &BuildId { project: name.to_owned(), uuid: id })
}

fn build(run: Run) -> Result<Build, Error> {
    let scope = run.scope.clone();
    let id = BuildId { project: run.name.clone(), uuid: run.id };
    let source_version = run
        .inputs
        .first()
        .map(|input| format!("arn:{}:s3:::{}/{}", scope.partition, input.bucket, input.key));
    let mut through = run.roles.clone();
    let role = through.pop().unwrap_or_default();
    let on_behalf_of = OnBehalfOf { principal: run.principal.clone(), through };
    let initiator = run.name.clone();
    let key = run.kms_key_id.clone();
    let default_key = scope.arn("kms", "alias/aws/s3").to_string();
    let settings = complete(settings(run, role)?, key.as_deref().unwrap_or(&default_key))?;
    Ok(start_build::with_destinations(Build {
        scope,
        id,
        number: 0,
        initiator,
        started: Timestamp::now(),
        ended: None,
        configuration: Configuration(settings),
        source_version,
        resolved_source_version: None,
        phases: vec![],
        step: Step::Preparing,
        stopping: false,
        log: None,
        credentials_token: None,
        exported: vec![],
        artifacts: None,
        secondary_artifacts: vec![],
        auto_retry: None,
        part_of: None,
        reports: vec![],
        on_behalf_of: Some(on_behalf_of),
        fleet: None,
        webhook: None,
        open: None,
    }))
}

fn settings(run: Run, role: String) -> Result<Settings, Error> {
    let environment_variables = run.environment.into_iter().map(|variable| {
        let kind = EnvironmentVariableType::from(variable.kind.as_str());
        if let EnvironmentVariableType::Other(unknown) = &kind {
            let message = format!("'{unknown}' is no type of environment variable '{}'", variable.name);
            return Err(Error::InvalidInput(message));
        }
        Ok(EnvironmentVariable { name: variable.name, value: variable.value, r#type: Some(kind) })
    });
    let environment_variables = environment_variables.collect::<Result<Vec<_>, _>>()?;
    let mut spec = json!({
        "version": 0.2,
        "env": {"exported-variables": run.exported},
        "phases": {"build": {"commands": run.commands}},
    });
    if let Some(output) = &run.output {
        spec["artifacts"] = json!({"files": output.files});
    }
    let source = ProjectSource {
        r#type: if run.inputs.is_empty() { SourceType::NoSource } else { SourceType::Codepipeline },
        buildspec: Some(spec.to_string()),
        ..ProjectSource::default()
    };
    let others = run.inputs.into_iter().skip(1).map(|input| ProjectSource {
        r#type: SourceType::S3,
        location: Some(format!("{}/{}", input.bucket, input.key)),
        source_identifier: Some(input.name),
        ..ProjectSource::default()
    });
    let logs = CloudWatchLogsConfig {
        status: LogsConfigStatusType::Enabled,
        group_name: Some(run.log_group),
        ..CloudWatchLogsConfig::default()
    };
    Ok(Settings {
        source: Some(source),
        secondary_sources: Some(others.collect()),
        artifacts: Some(run.output.map_or_else(nothing, |output| zip(&output.bucket, &output.key))),
        environment: Some(ProjectEnvironment {
            r#type: EnvironmentType::LinuxContainer,
            image: IMAGE.to_owned(),
            compute_type: match run.size {
                Size::Small => ComputeType::BuildGeneral1Small,
                Size::Medium => ComputeType::BuildGeneral1Medium,
                Size::Large => ComputeType::BuildGeneral1Large,
            },
            environment_variables: Some(environment_variables),
            ..ProjectEnvironment::default()
        }),
        service_role: Some(role),
        encryption_key: run.kms_key_id,
        timeout_in_minutes: i32::try_from(run.timeout.as_secs().div_ceil(60)).ok(),
        logs_config: Some(LogsConfig { cloud_watch_logs: Some(logs), ..LogsConfig::default() }),
        ..Settings::default()
    })
}

fn nothing() -> ProjectArtifacts {
    ProjectArtifacts { r#type: ArtifactsType::NoArtifacts, ..ProjectArtifacts::default() }
}

fn zip(bucket: &str, key: &str) -> ProjectArtifacts {
    let (path, name) = key.rsplit_once('/').unwrap_or(("", key));
    ProjectArtifacts {
        r#type: ArtifactsType::S3,
        location: Some(bucket.to_owned()),
        path: Some(path.to_owned()),
        namespace_type: Some(ArtifactNamespace::None),
        name: Some(name.to_owned()),
        packaging: Some(ArtifactPackaging::Zip),
        override_artifact_name: Some(false),
        ..ProjectArtifacts::default()
    }
}

fn state(build: &Build) -> RunState {
    let status = match build.is_complete().then(|| build.status()) {
        None => RunStatus::InProgress,
        Some(StatusType::Succeeded) => RunStatus::Succeeded,
        Some(ended) => {
            RunStatus::Failed(failure(build).unwrap_or_else(|| format!("Commands ended: {ended}")))
        }
    };
    let LogStream { group, stream } = stream_of(build).unwrap_or_default();
    let log_stream = build.scope.arn("logs", format_args!("log-group:{group}:log-stream:{stream}"));
    RunState {
        status,
        exported: build.exported.iter().cloned().collect::<BTreeMap<_, _>>(),
        log_stream_arn: log_stream.to_string(),
    }
}

/// What the first phase says that did not succeed.
fn failure(build: &Build) -> Option<String> {
    let failed = build.failed_phase()?;
    let (code, message) = failed.context.clone().unwrap_or_default();
    Some(match failed.status {
        Some(StatusType::TimedOut) => "The commands did not end within their time limit".to_owned(),
        Some(StatusType::Stopped) => "The commands were stopped".to_owned(),
        _ if code == "COMMAND_EXECUTION_ERROR" => message,
        _ => format!("{code}: {message}"),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws::compute::{Input, Output, Variable};

    use super::*;
    use crate::{buildspec, source};

    fn run() -> Run {
        let input = |name: &str| Input { name: name.into(), bucket: "b".into(), key: format!("p/{name}/1") };
        Run {
            scope: Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap()),
            id: Uuid::nil(),
            name: "codepipeline/p".into(),
            principal: "codepipeline.amazonaws.com".into(),
            roles: vec!["arn:aws:iam::123456789012:role/p".into(), "arn:aws:iam::123456789012:role/a".into()],
            commands: vec!["make \"all\": # {x}".into(), "- b".into()],
            environment: vec![Variable { name: "A".into(), value: "1".into(), kind: "PLAINTEXT".into() }],
            inputs: vec![input("One"), input("Two")],
            output: Some(Output { bucket: "b".into(), key: "p/Out/2".into(), files: vec!["**/*".into()] }),
            exported: vec!["TAG".into()],
            size: Size::Medium,
            log_group: "/aws/codepipeline/p".into(),
            kms_key_id: None,
            timeout: Duration::from_secs(61),
        }
    }

    #[test]
    fn a_run_is_a_build_of_its_commands() {
        let build = build(run()).unwrap();
        let settings = &build.configuration.0;
        let spec = buildspec::parse(settings.source.as_ref().unwrap().buildspec.as_ref().unwrap()).unwrap();
        assert_eq!(spec.phases[0].commands, ["make \"all\": # {x}", "- b"]);
        assert_eq!(spec.exported_variables, ["TAG"]);
        assert_eq!(settings.timeout_in_minutes, Some(2));
        assert_eq!(settings.service_role.as_deref(), Some("arn:aws:iam::123456789012:role/a"));
        assert_eq!(build.on_behalf_of.as_ref().unwrap().through, ["arn:aws:iam::123456789012:role/p"]);
        assert_eq!(build.artifacts.as_ref().unwrap().location, "arn:aws:s3:::b/p/Out/2");
        let places: Vec<_> =
            source::place(&build).unwrap().into_iter().map(|placed| placed.identifier).collect();
        assert_eq!(places, [None, Some("Two".to_owned())]);
    }

    #[test]
    fn nobody_can_ask_for_it_by_its_id() {
        let build = build(run()).unwrap();
        assert_eq!(BuildId::parse(&build.id.to_string()), None);
        assert_eq!(BuildId::parse(&build.arn()), None);
    }

    #[test]
    fn a_variable_of_no_type_is_refused() {
        let mut run = run();
        run.environment[0].kind = "SECRET".into();
        let message = build(run).unwrap_err().to_string();
        assert!(message.contains("'SECRET' is no type of environment variable 'A'"), "{message}");
    }
}
