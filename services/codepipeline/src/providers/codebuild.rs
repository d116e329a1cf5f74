//! CodeBuild, as build and as test: starts a build as the pipeline's role and waits for its end.
//!
//! The project has source type CODEPIPELINE. The primary input is handed over as the source version (the ARN of the
//! object), further inputs as secondary sources, and each output as an artifact at exactly the key that was chosen.
//!
//! With `BatchEnabled` it starts a batch, whose builds find their places by name: `build` is the primary artifact of that
//! build, `build_artifact` its secondary one. With `CombineArtifacts` the batch has one output.
//! Source: CodeBuild User Guide, "AWS CodePipeline integration with CodeBuild and batch builds".

use std::collections::BTreeMap;

use async_trait::async_trait;
use codebuild_model::{
    ArtifactNamespace, ArtifactPackaging, ArtifactsType, BatchGetBuildBatches, BatchGetBuilds, Build,
    BuildBatch, BuildGroup, EnvironmentVariable, EnvironmentVariableType, PhaseContext, ProjectArtifacts,
    ProjectBuildBatchConfig, ProjectSource, SourceType, StartBuild, StartBuildBatch, StatusType, StopBuild,
    StopBuildBatch,
};
use serde::Deserialize;

use super::{Artifact, ErrorDetails, Outcome, Provider, Report, Trouble, Work};
use crate::catalogue::{BuiltIn, Category, Key};

pub struct CodeBuild;

const PROPERTIES: &[Key] = &[
    Key::required("ProjectName", "The CodeBuild project."),
    Key::optional("PrimarySource", "The input artifact with the buildspec, if there are several."),
    Key::optional("BatchEnabled", "Whether to run a batch of builds."),
    Key::optional("CombineArtifacts", "Whether a batch puts its artifacts into one place."),
    Key::optional("EnvironmentVariables", "JSON: a list of objects with name, value and type."),
    Key::optional("BuildspecOverride", "A buildspec to use instead of the project's."),
];

static ACTION_TYPES: [BuiltIn; 2] = [
    BuiltIn::aws(Category::Build, "CodeBuild", PROPERTIES)
        .inputs(1, 5)
        .outputs(0, 5)
        .timeout_minutes(36 * 60),
    BuiltIn::aws(Category::Test, "CodeBuild", PROPERTIES).inputs(1, 5).outputs(0, 5).timeout_minutes(8 * 60),
];

#[async_trait]
impl Provider for CodeBuild {
    fn action_types(&self) -> &'static [BuiltIn] {
        &ACTION_TYPES
    }

    async fn start(&self, work: &Work) -> Result<Outcome, Trouble> {
        if is_batch(work)? {
            let batch = work.client().await?.call(start_batch(work)?).await?.build_batch;
            let batch = batch.ok_or_else(|| Trouble::Unavailable("CodeBuild started no batch".to_owned()))?;
            return Ok(outcome_of_batch(work, &batch));
        }
        let build = work.client().await?.call(start_build(work)?).await?.build;
        let build = build.ok_or_else(|| Trouble::Unavailable("CodeBuild started no build".to_owned()))?;
        Ok(outcome(&build))
    }

    async fn observe(&self, work: &Work, build_id: &str) -> Result<Outcome, Trouble> {
        if is_batch(work)? {
            let ids = vec![build_id.to_owned()];
            let found = work.client().await?.call(BatchGetBuildBatches { ids }).await?;
            return match found.build_batches.unwrap_or_default().first() {
                Some(batch) => Ok(outcome_of_batch(work, batch)),
                None => Err(Trouble::job_failed(format!("Build batch {build_id} no longer exists"))),
            };
        }
        let found = work.client().await?.call(BatchGetBuilds { ids: vec![build_id.to_owned()] }).await?;
        match found.builds.unwrap_or_default().first() {
            Some(build) => Ok(outcome(build)),
            None => Err(Trouble::job_failed(format!("Build {build_id} no longer exists"))),
        }
    }

    async fn stop(&self, work: &Work, build_id: &str) -> Result<(), Trouble> {
        let (client, id) = (work.client().await?, build_id.to_owned());
        let stopped = match is_batch(work)? {
            true => client.call(StopBuildBatch { id }).await.map(|_| ()),
            false => client.call(StopBuild { id }).await.map(|_| ()),
        };
        match stopped {
            Ok(()) => Ok(()),
            Err(error) if error.code == "ResourceNotFoundException" => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_batch(work: &Work) -> Result<bool, Trouble> {
    work.flag("BatchEnabled", false)
}

fn start_batch(work: &Work) -> Result<StartBuildBatch, Trouble> {
    let combine = work.flag("CombineArtifacts", false)?;
    if combine && work.outputs.len() > 1 {
        return Err(Trouble::configuration("CombineArtifacts admits one output artifact only"));
    }
    let (artifacts, secondary_artifacts) = artifacts(&work.outputs, !combine);
    let start = start_build(work)?;
    Ok(StartBuildBatch {
        project_name: start.project_name,
        source_version: start.source_version,
        secondary_sources_override: start.secondary_sources_override,
        artifacts_override: Some(artifacts),
        // Those of the project do not count: its pipeline says what there is.
        secondary_artifacts_override: Some(secondary_artifacts),
        environment_variables_override: start.environment_variables_override,
        buildspec_override: start.buildspec_override,
        encryption_key_override: start.encryption_key_override,
        build_batch_config_override: Some(ProjectBuildBatchConfig {
            combine_artifacts: Some(combine),
            ..ProjectBuildBatchConfig::default()
        }),
        idempotency_token: start.idempotency_token,
        ..StartBuildBatch::default()
    })
}

fn start_build(work: &Work) -> Result<StartBuild, Trouble> {
    let (primary, secondary) = sources(work)?;
    let (artifacts, secondary_artifacts) = artifacts(&work.outputs, false);
    Ok(StartBuild {
        project_name: work.required("ProjectName")?.to_owned(),
        source_version: Some(format!("arn:{}:s3:::{}/{}", work.scope.partition, primary.bucket, primary.key)),
        secondary_sources_override: Some(secondary).filter(|sources| !sources.is_empty()),
        artifacts_override: Some(artifacts),
        secondary_artifacts_override: Some(secondary_artifacts).filter(|artifacts| !artifacts.is_empty()),
        environment_variables_override: environment(work)?,
        buildspec_override: work.optional("BuildspecOverride").map(str::to_owned),
        encryption_key_override: work.encryption_key.clone(),
        idempotency_token: Some(work.id.to_string()),
        ..StartBuild::default()
    })
}

/// The input with the buildspec, and the others.
fn sources(work: &Work) -> Result<(&Artifact, Vec<ProjectSource>), Trouble> {
    let primary = match work.optional("PrimarySource") {
        Some(name) => work.inputs.iter().find(|input| input.name == name).ok_or_else(|| {
            Trouble::configuration(format!("PrimarySource '{name}' is not one of the input artifacts"))
        })?,
        None => work.input()?,
    };
    let others = work.inputs.iter().filter(|input| input.name != primary.name);
    let secondary = others.map(|input| ProjectSource {
        r#type: SourceType::S3,
        location: Some(format!("{}/{}", input.bucket, input.key)),
        source_identifier: Some(input.name.clone()),
        ..ProjectSource::default()
    });
    Ok((primary, secondary.collect()))
}

/// One output is what the buildspec's `artifacts` name; several are its `secondary-artifacts`, by name. `by_name` has
/// even a single one go by its name.
fn artifacts(outputs: &[Artifact], by_name: bool) -> (ProjectArtifacts, Vec<ProjectArtifacts>) {
    match outputs {
        [single] if !by_name => (place(single), Vec::new()),
        several => {
            let none = ProjectArtifacts { r#type: ArtifactsType::NoArtifacts, ..ProjectArtifacts::default() };
            let named = several.iter().map(|output| ProjectArtifacts {
                artifact_identifier: Some(output.name.clone()),
                ..place(output)
            });
            (none, named.collect())
        }
    }
}

/// CodeBuild writes an artifact to `path/name`.
fn place(output: &Artifact) -> ProjectArtifacts {
    let (path, name) = output.key.rsplit_once('/').unwrap_or(("", &output.key));
    ProjectArtifacts {
        r#type: ArtifactsType::S3,
        location: Some(output.bucket.clone()),
        path: Some(path.to_owned()),
        namespace_type: Some(ArtifactNamespace::None),
        name: Some(name.to_owned()),
        packaging: Some(ArtifactPackaging::Zip),
        override_artifact_name: Some(false),
        ..ProjectArtifacts::default()
    }
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    value: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

fn environment(work: &Work) -> Result<Option<Vec<EnvironmentVariable>>, Trouble> {
    let Some(text) = work.optional("EnvironmentVariables") else { return Ok(None) };
    let variables: Vec<Variable> = serde_json::from_str(text).map_err(|error| {
        Trouble::configuration(format!(
            "'EnvironmentVariables' is not a JSON list of name, value and type: {error}"
        ))
    })?;
    let variables = variables.into_iter().map(|variable| {
        let kind = variable.kind.as_deref().unwrap_or("PLAINTEXT");
        match EnvironmentVariableType::from(kind) {
            EnvironmentVariableType::Other(unknown) => {
                let message = format!("'{unknown}' is no type of environment variable '{}'", variable.name);
                Err(Trouble::configuration(message))
            }
            kind => {
                Ok(EnvironmentVariable { name: variable.name, value: variable.value, r#type: Some(kind) })
            }
        }
    });
    variables.collect::<Result<Vec<_>, _>>().map(Some)
}

fn outcome(build: &Build) -> Outcome {
    let logs = build.logs.as_ref();
    let report = Report {
        external_execution_id: build.id.clone(),
        external_execution_url: logs.and_then(|logs| logs.deep_link.clone()),
        log_stream_arn: logs.and_then(|logs| logs.cloud_watch_logs_arn.clone()),
        ..Report::default()
    };
    match &build.build_status {
        None | Some(StatusType::InProgress) => Outcome::InProgress(report),
        Some(StatusType::Succeeded) => {
            let exported = build.exported_environment_variables.iter().flatten();
            let variables: BTreeMap<String, String> = exported
                .filter_map(|variable| {
                    Some((variable.name.clone()?, variable.value.clone().unwrap_or_default()))
                })
                .collect();
            let output_variables = Some(variables).filter(|variables| !variables.is_empty());
            Outcome::Succeeded(Report { output_variables, ..report })
        }
        Some(ended) => {
            let summary = format!("Build terminated with state: {ended}");
            let message = match failed_phase(build) {
                Some(phase) => format!("{summary}. {phase}"),
                None => summary.clone(),
            };
            let report = Report { summary: Some(summary), ..report };
            Outcome::Failed(report, ErrorDetails::new("JobFailed", message))
        }
    }
}

fn outcome_of_batch(work: &Work, batch: &BuildBatch) -> Outcome {
    let (project, id) =
        (batch.project_name.as_deref().unwrap_or_default(), batch.id.as_deref().unwrap_or_default());
    let (region, account) = (&work.scope.region, &work.scope.account);
    let url = format!(
        "https://{region}.console.aws.amazon.com/codesuite/codebuild/{account}/projects/{project}/batch/{}?region={region}",
        id.replace(':', "%3A")
    );
    let report = Report {
        external_execution_id: batch.id.clone(),
        external_execution_url: Some(url),
        ..Report::default()
    };
    match &batch.build_batch_status {
        None | Some(StatusType::InProgress) => Outcome::InProgress(report),
        Some(StatusType::Succeeded) => Outcome::Succeeded(report),
        Some(ended) => {
            let summary = format!("Build terminated with state: {ended}");
            let message = match failed_part(batch) {
                Some(part) => format!("{summary}. {part}"),
                None => summary.clone(),
            };
            let report = Report { summary: Some(summary), ..report };
            Outcome::Failed(report, ErrorDetails::new("JobFailed", message))
        }
    }
}

/// What the batch says of itself; else which of its builds failed it.
fn failed_part(batch: &BuildBatch) -> Option<String> {
    let told = batch.phases.iter().flatten().rev().find_map(|phase| {
        let context = phase.contexts.as_ref()?.first()?;
        Some(told(phase.phase_type.as_ref()?, context))
    });
    let counts = |group: &&BuildGroup| {
        let status = group.current_build_summary.as_ref().and_then(|current| current.build_status.as_ref());
        let is_skipped = group.current_build_summary.as_ref().is_some_and(|current| current.arn.is_none());
        let went_well = matches!(status, None | Some(StatusType::Succeeded | StatusType::InProgress));
        !went_well && !is_skipped && group.ignore_failure != Some(true)
    };
    told.or_else(|| {
        let failed = batch.build_groups.iter().flatten().filter(counts);
        let names: Vec<&str> = failed.filter_map(|group| group.identifier.as_deref()).collect();
        (!names.is_empty()).then(|| format!("Builds: {}", names.join(", ")))
    })
}

fn told(phase: &impl std::fmt::Display, context: &PhaseContext) -> String {
    format!(
        "Phase: {phase}, Code: {}, Message: {}",
        context.status_code.as_deref().unwrap_or_default(),
        context.message.as_deref().unwrap_or_default()
    )
}

/// The first phase that did not succeed, with what CodeBuild says of it.
fn failed_phase(build: &Build) -> Option<String> {
    let failed = build.phases.iter().flatten().find(|phase| {
        matches!(
            phase.phase_status,
            Some(StatusType::Failed | StatusType::Fault | StatusType::TimedOut | StatusType::Stopped)
        )
    })?;
    let context = failed.contexts.iter().flatten().next()?;
    Some(told(failed.phase_type.as_ref()?, context))
}

#[cfg(test)]
mod tests {
    use codebuild_model::{
        BuildBatchPhase, BuildBatchPhaseType, BuildPhase, BuildPhaseType, BuildSummary,
        ExportedEnvironmentVariable,
    };

    use super::*;

    fn output(name: &str) -> Artifact {
        Artifact { name: name.into(), bucket: "b".into(), key: format!("pipe/{name}/Ab3dE5g") }
    }

    #[test]
    fn one_output_is_primary_and_several_are_secondary() {
        let (primary, secondary) = artifacts(&[output("App")], false);
        assert_eq!((primary.path.as_deref(), primary.name.as_deref()), (Some("pipe/App"), Some("Ab3dE5g")));
        assert!(secondary.is_empty());
        for outputs in [vec![], vec![output("App"), output("Docs")]] {
            let (primary, secondary) = artifacts(&outputs, false);
            assert_eq!(primary.r#type, ArtifactsType::NoArtifacts);
            let names: Vec<_> =
                secondary.iter().map(|artifact| artifact.artifact_identifier.clone().unwrap()).collect();
            assert_eq!(names, outputs.iter().map(|output| output.name.clone()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn outputs_of_a_batch_go_by_their_names_even_a_single_one() {
        let (primary, secondary) = artifacts(&[output("build1")], true);
        assert_eq!(primary.r#type, ArtifactsType::NoArtifacts);
        assert_eq!(secondary[0].artifact_identifier.as_deref(), Some("build1"));
    }

    #[test]
    fn a_failed_batch_says_why_or_which_builds_failed() {
        let group = |identifier: &str, status, arn: Option<&str>, ignored| BuildGroup {
            identifier: Some(identifier.into()),
            ignore_failure: Some(ignored),
            current_build_summary: Some(BuildSummary {
                arn: arn.map(str::to_owned),
                build_status: Some(status),
                ..BuildSummary::default()
            }),
            ..BuildGroup::default()
        };
        let mut batch = BuildBatch {
            build_groups: Some(vec![
                group("a", StatusType::Failed, Some("arn"), false),
                group("b", StatusType::Failed, Some("arn"), true),
                group("c", StatusType::Stopped, None, false),
            ]),
            ..BuildBatch::default()
        };
        assert_eq!(failed_part(&batch).as_deref(), Some("Builds: a"));
        let context = PhaseContext { status_code: Some("YAML_FILE_ERROR".into()), message: Some("m".into()) };
        batch.phases = Some(vec![BuildBatchPhase {
            phase_type: Some(BuildBatchPhaseType::DownloadBatchspec),
            contexts: Some(vec![context]),
            ..BuildBatchPhase::default()
        }]);
        let expected = "Phase: DOWNLOAD_BATCHSPEC, Code: YAML_FILE_ERROR, Message: m";
        assert_eq!(failed_part(&batch).as_deref(), Some(expected));
    }

    #[test]
    fn a_failed_build_says_in_which_phase_and_why() {
        let phase = |kind, status, contexts| BuildPhase {
            phase_type: Some(kind),
            phase_status: Some(status),
            contexts,
            ..BuildPhase::default()
        };
        let context = PhaseContext {
            status_code: Some("COMMAND_EXECUTION_ERROR".into()),
            message: Some("Error while executing command: make. Reason: exit status 2".into()),
        };
        let build = Build {
            build_status: Some(StatusType::Failed),
            phases: Some(vec![
                phase(BuildPhaseType::Install, StatusType::Succeeded, None),
                phase(BuildPhaseType::Build, StatusType::Failed, Some(vec![context])),
            ]),
            ..Build::default()
        };
        let Outcome::Failed(report, error) = outcome(&build) else { panic!("it failed") };
        assert_eq!(report.summary.as_deref(), Some("Build terminated with state: FAILED"));
        assert_eq!(
            error.message,
            "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, Message: Error while \
             executing command: make. Reason: exit status 2"
        );
    }

    #[test]
    fn exported_variables_are_output_variables() {
        let exported = ExportedEnvironmentVariable { name: Some("TAG".into()), value: Some("v1".into()) };
        let build = Build {
            id: Some("p:1".into()),
            build_status: Some(StatusType::Succeeded),
            exported_environment_variables: Some(vec![exported]),
            ..Build::default()
        };
        let Outcome::Succeeded(report) = outcome(&build) else { panic!("it succeeded") };
        assert_eq!(report.output_variables.unwrap()["TAG"], "v1");
        assert_eq!(report.external_execution_id.as_deref(), Some("p:1"));
    }
}
