//! What a project's settings must be, what they are when nothing is said, and how a build overrides them. Pure.

use std::collections::BTreeSet;

use codebuild_model::{
    ArtifactsType, BucketOwnerAccess, CacheType, ComputeType, EnvironmentType, EnvironmentVariable,
    ImagePullCredentialsType, LogsConfigStatusType, Project, ProjectArtifacts, ProjectCache, ProjectSource,
    SourceType, StartBuild,
};

use crate::{
    buildspec::MOST_BUILDS,
    error::Error,
    fleet::capacity,
    source::{Origin, Unusable, git},
    webhook::scope,
};

const TIMEOUT_MINUTES: i32 = 60;
const QUEUED_TIMEOUT_MINUTES: i32 = 480;
const MAX_AUTO_RETRIES: i32 = 10;
/// Of a batch, as of a build. Source: CodeBuild User Guide, "Quotas for AWS CodeBuild".
const BATCH_TIMEOUT_MINUTES: std::ops::RangeInclusive<i32> = 5..=2160;

/// Fills in what CodeBuild does, and refuses what does not fit together or is not built yet.
/// `default_key` is the ARN of `alias/aws/s3`.
pub(crate) fn complete(mut project: Project, default_key: &str) -> Result<Project, Error> {
    project.timeout_in_minutes.get_or_insert(TIMEOUT_MINUTES);
    project.queued_timeout_in_minutes.get_or_insert(QUEUED_TIMEOUT_MINUTES);
    project.encryption_key.get_or_insert_with(|| default_key.to_owned());
    project
        .cache
        .get_or_insert_with(|| ProjectCache { r#type: CacheType::NoCache, ..ProjectCache::default() });
    // A limit of -1 takes the limit away.
    project.concurrent_build_limit = project.concurrent_build_limit.filter(|limit| *limit != -1);
    if project.concurrent_build_limit.is_some_and(|limit| limit < 1) {
        return invalid("Invalid concurrent build limit: it must be at least 1, or -1 for none");
    }
    if project.auto_retry_limit.is_some_and(|limit| !(0..=MAX_AUTO_RETRIES).contains(&limit)) {
        return invalid(format!("Invalid auto-retry limit: it must be between 0 and {MAX_AUTO_RETRIES}"));
    }
    check_batch(&project)?;
    check_cache(&project)?;
    check_sources(&project)?;
    check_artifacts(&project)?;
    check_environment(&project)?;
    check_not_built(&project)?;
    Ok(project)
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::InvalidInput(message.into()))
}

fn not_built<T>(what: impl Into<String>) -> Result<T, Error> {
    Err(Error::NotImplemented(what.into()))
}

fn check_cache(project: &Project) -> Result<(), Error> {
    let Some(cache) = &project.cache else { return Ok(()) };
    let has = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    match &cache.r#type {
        CacheType::S3 if !has(&cache.location) => {
            invalid("Invalid cache: location must be given for cache type S3")
        }
        CacheType::Local if cache.modes.as_ref().is_none_or(Vec::is_empty) => {
            invalid("Invalid cache: at least one mode must be given for cache type LOCAL")
        }
        CacheType::Other(other) => invalid(format!("Invalid cache: type {other} is unknown")),
        CacheType::S3 | CacheType::Local | CacheType::NoCache => Ok(()),
    }
}

fn check_batch(project: &Project) -> Result<(), Error> {
    let Some(config) = &project.build_batch_config else { return Ok(()) };
    if config.timeout_in_mins.is_some_and(|minutes| !BATCH_TIMEOUT_MINUTES.contains(&minutes)) {
        let (from, to) = (BATCH_TIMEOUT_MINUTES.start(), BATCH_TIMEOUT_MINUTES.end());
        return invalid(format!("Invalid build batch config: timeoutInMins must be between {from} and {to}"));
    }
    let Some(restrictions) = &config.restrictions else { return Ok(()) };
    let most = i32::try_from(MOST_BUILDS).unwrap_or(i32::MAX);
    if restrictions.maximum_builds_allowed.is_some_and(|builds| !(1..=most).contains(&builds)) {
        return invalid(format!(
            "Invalid build batch config: maximumBuildsAllowed must be between 1 and {most}"
        ));
    }
    for name in restrictions.compute_types_allowed.iter().flatten() {
        if let ComputeType::Other(_) = ComputeType::from(name.as_str()) {
            return invalid(format!(
                "Invalid build batch config: computeTypesAllowed has the unknown type {name}"
            ));
        }
    }
    Ok(())
}

fn check_sources(project: &Project) -> Result<(), Error> {
    let Some(primary) = &project.source else {
        return invalid("Invalid project source: source must be given");
    };
    let mut identifiers = BTreeSet::new();
    for source in project.secondary_sources.iter().flatten() {
        let identifier = source.source_identifier.as_deref().unwrap_or_default();
        if !is_identifier(identifier) {
            return invalid(format!(
                "Invalid project source: sourceIdentifier '{identifier}' must be 1 to 127 letters, digits or underscores"
            ));
        }
        if !identifiers.insert(identifier) {
            return invalid(format!("Invalid project source: sourceIdentifier '{identifier}' is not unique"));
        }
    }
    for source in std::iter::once(primary).chain(project.secondary_sources.iter().flatten()) {
        if std::ptr::eq(source, primary) && scope::is_any_repository(source) {
            continue;
        }
        Origin::of(source).map_err(|Unusable(message)| Error::InvalidInput(message))?;
        if source.report_build_status == Some(true) && git::provider(&source.r#type).is_none() {
            return invalid(format!(
                "Invalid project source: reportBuildStatus is not supported for source type {}",
                source.r#type
            ));
        }
    }
    let buildspec = primary.buildspec.as_deref().unwrap_or_default();
    if primary.r#type == SourceType::NoSource && !is_inline(buildspec) && !buildspec.starts_with("arn:") {
        return invalid("Invalid project source: a buildspec must be given inline for source type NO_SOURCE");
    }
    Ok(())
}

/// What holds for a project but not for its builds: a pipeline overrides where artifacts go.
pub(crate) fn check_pipeline(project: &Project) -> Result<(), Error> {
    let source = project.source.as_ref().map(|source| &source.r#type);
    let artifacts = project.artifacts.as_ref().map(|artifacts| &artifacts.r#type);
    if (source == Some(&SourceType::Codepipeline)) != (artifacts == Some(&ArtifactsType::Codepipeline)) {
        return invalid(
            "Invalid artifacts: artifact type CODEPIPELINE goes with source type CODEPIPELINE, and only with it",
        );
    }
    Ok(())
}

/// Badges are of branches and tags.
pub(crate) fn check_badge(project: &Project, is_enabled: bool) -> Result<(), Error> {
    let source = project.source.as_ref().map(|source| &source.r#type);
    match source.filter(|kind| is_enabled && !matches!(kind, SourceType::Codecommit)) {
        Some(kind) if git::provider(kind).is_none() => {
            invalid(format!("Invalid project: badges are not supported for source type {kind}"))
        }
        _ => Ok(()),
    }
}

/// Names of pipelines' artifacts are identifiers too, and may have hyphens, dots and `@`.
fn is_identifier(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@');
    (1..128).contains(&text.len()) && text.chars().all(allowed)
}

/// Whether a `buildspec` is one itself, rather than the path of one.
pub(crate) fn is_inline(buildspec: &str) -> bool {
    let text = buildspec.trim_start();
    text.contains('\n') || text.starts_with('{') || text.starts_with("version:")
}

fn check_artifacts(project: &Project) -> Result<(), Error> {
    let Some(primary) = &project.artifacts else {
        return invalid("Invalid artifacts: artifacts must be given");
    };
    check_artifact(primary)?;
    let mut identifiers = BTreeSet::new();
    for secondary in project.secondary_artifacts.iter().flatten() {
        if secondary.r#type == ArtifactsType::Codepipeline {
            return invalid("Invalid artifacts: secondary artifacts cannot be of type CODEPIPELINE");
        }
        check_artifact(secondary)?;
        let identifier = secondary.artifact_identifier.as_deref().unwrap_or_default();
        if !is_identifier(identifier) || !identifiers.insert(identifier) {
            return invalid(format!(
                "Invalid artifacts: artifactIdentifier '{identifier}' must be given and unique for secondary artifacts"
            ));
        }
    }
    Ok(())
}

fn check_artifact(artifacts: &ProjectArtifacts) -> Result<(), Error> {
    if let Some(BucketOwnerAccess::Other(other)) = &artifacts.bucket_owner_access {
        return invalid(format!("Invalid artifacts: bucketOwnerAccess {other} is unknown"));
    }
    match &artifacts.r#type {
        ArtifactsType::S3 if artifacts.location.as_deref().is_none_or(str::is_empty) => {
            invalid("Invalid artifacts: location must be given for artifact type S3")
        }
        ArtifactsType::S3 => Ok(()),
        ArtifactsType::Codepipeline | ArtifactsType::NoArtifacts
            if artifacts.encryption_disabled == Some(true) =>
        {
            invalid(format!(
                "Invalid artifacts: encryptionDisabled is not supported for type {}",
                artifacts.r#type
            ))
        }
        ArtifactsType::Codepipeline | ArtifactsType::NoArtifacts => Ok(()),
        ArtifactsType::Other(other) => invalid(format!("Invalid artifacts: type {other} is unknown")),
    }
}

fn check_environment(project: &Project) -> Result<(), Error> {
    let Some(environment) = &project.environment else {
        return invalid("Invalid environment: environment must be given");
    };
    match &environment.r#type {
        EnvironmentType::LinuxContainer | EnvironmentType::ArmContainer => {}
        // The fleet's holds.
        _ if capacity::named(environment).is_some() => {}
        other => return not_built(format!("Environment type {other}")),
    }
    let by_role = environment.image_pull_credentials_type == Some(ImagePullCredentialsType::ServiceRole);
    if environment.registry_credential.is_some() && !by_role {
        return invalid(
            "Invalid environment: registryCredential is only for imagePullCredentialsType SERVICE_ROLE",
        );
    }
    let mut names = BTreeSet::new();
    for variable in environment.environment_variables.iter().flatten() {
        if !names.insert(&variable.name) {
            return invalid(format!(
                "Invalid environment: variable {} is given more than once",
                variable.name
            ));
        }
    }
    Ok(())
}

/// What would have an effect on AWS and would have none here.
fn check_not_built(project: &Project) -> Result<(), Error> {
    let environment = project.environment.as_ref();
    let s3_logs = project.logs_config.as_ref().and_then(|logs| logs.s3_logs.as_ref());
    let unbuilt = [
        (project.vpc_config.as_ref().is_some_and(|vpc| vpc.vpc_id.is_some()), "vpcConfig"),
        (
            project.file_system_locations.as_ref().is_some_and(|locations| !locations.is_empty()),
            "fileSystemLocations",
        ),
        (s3_logs.is_some_and(|logs| logs.status == LogsConfigStatusType::Enabled), "s3Logs"),
        (environment.is_some_and(|environment| environment.docker_server.is_some()), "dockerServer"),
    ];
    match unbuilt.into_iter().find(|(asked, _)| *asked) {
        Some((_, what)) => not_built(what),
        None => Ok(()),
    }
}

/// The project's settings as a build has them.
pub(crate) fn override_with(mut project: Project, build: &StartBuild) -> Project {
    override_source(project.source.get_or_insert_default(), build);
    set(&mut project.secondary_sources, &build.secondary_sources_override);
    set(&mut project.secondary_source_versions, &build.secondary_sources_version_override);
    set(&mut project.artifacts, &build.artifacts_override);
    set(&mut project.secondary_artifacts, &build.secondary_artifacts_override);
    set(&mut project.cache, &build.cache_override);
    set(&mut project.service_role, &build.service_role_override);
    set(&mut project.timeout_in_minutes, &build.timeout_in_minutes_override);
    set(&mut project.queued_timeout_in_minutes, &build.queued_timeout_in_minutes_override);
    set(&mut project.encryption_key, &build.encryption_key_override);
    set(&mut project.logs_config, &build.logs_config_override);
    set(&mut project.auto_retry_limit, &build.auto_retry_limit_override);
    let environment = project.environment.get_or_insert_default();
    replace(&mut environment.r#type, &build.environment_type_override);
    replace(&mut environment.image, &build.image_override);
    replace(&mut environment.compute_type, &build.compute_type_override);
    set(&mut environment.fleet, &build.fleet_override);
    set(&mut environment.certificate, &build.certificate_override);
    set(&mut environment.privileged_mode, &build.privileged_mode_override);
    set(&mut environment.registry_credential, &build.registry_credential_override);
    set(&mut environment.image_pull_credentials_type, &build.image_pull_credentials_type_override);
    if let Some(overriding) = &build.environment_variables_override {
        merge(environment.environment_variables.get_or_insert_default(), overriding);
    }
    project
}

fn override_source(source: &mut ProjectSource, build: &StartBuild) {
    replace(&mut source.r#type, &build.source_type_override);
    set(&mut source.location, &build.source_location_override);
    set(&mut source.auth, &build.source_auth_override);
    set(&mut source.git_clone_depth, &build.git_clone_depth_override);
    set(&mut source.git_submodules_config, &build.git_submodules_config_override);
    set(&mut source.buildspec, &build.buildspec_override);
    set(&mut source.insecure_ssl, &build.insecure_ssl_override);
    set(&mut source.report_build_status, &build.report_build_status_override);
    set(&mut source.build_status_config, &build.build_status_config_override);
}

fn set<T: Clone>(setting: &mut Option<T>, overriding: &Option<T>) {
    if overriding.is_some() {
        setting.clone_from(overriding);
    }
}

fn replace<T: Clone>(setting: &mut T, overriding: &Option<T>) {
    if let Some(overriding) = overriding {
        setting.clone_from(overriding);
    }
}

/// By name: what is overridden keeps its place.
fn merge(variables: &mut Vec<EnvironmentVariable>, overriding: &[EnvironmentVariable]) {
    for variable in overriding {
        match variables.iter_mut().find(|known| known.name == variable.name) {
            Some(known) => known.clone_from(variable),
            None => variables.push(variable.clone()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use codebuild_model::ProjectEnvironment;

    use super::*;

    pub(crate) fn project() -> Project {
        Project {
            source: Some(ProjectSource {
                r#type: SourceType::NoSource,
                buildspec: Some("version: 0.2\nphases: {build: {commands: [true]}}\n".into()),
                ..ProjectSource::default()
            }),
            artifacts: Some(ProjectArtifacts {
                r#type: ArtifactsType::NoArtifacts,
                ..ProjectArtifacts::default()
            }),
            environment: Some(ProjectEnvironment {
                r#type: EnvironmentType::LinuxContainer,
                image: "aws/codebuild/standard:7.0".into(),
                compute_type: ComputeType::BuildGeneral1Small,
                ..ProjectEnvironment::default()
            }),
            service_role: Some("arn:aws:iam::123456789012:role/build".into()),
            ..Project::default()
        }
    }

    fn refusal(change: impl FnOnce(&mut Project)) -> String {
        let mut project = project();
        change(&mut project);
        complete(project, "key").unwrap_err().to_string()
    }

    fn source(project: &mut Project) -> &mut ProjectSource {
        project.source.get_or_insert_default()
    }

    #[test]
    fn defaults() {
        let project = complete(project(), "key").unwrap();
        assert_eq!((project.timeout_in_minutes, project.queued_timeout_in_minutes), (Some(60), Some(480)));
        assert_eq!(project.encryption_key.as_deref(), Some("key"));
        assert_eq!(project.cache.unwrap().r#type, CacheType::NoCache);
    }

    #[test]
    fn what_does_not_fit_together() {
        assert!(refusal(|project| source(project).buildspec = None).contains("inline"));
        let mut half = project();
        source(&mut half).r#type = SourceType::Codepipeline;
        assert!(check_pipeline(&half).unwrap_err().to_string().contains("goes with"));
        assert!(
            refusal(|project| source(project).report_build_status = Some(true)).contains("reportBuildStatus")
        );
        let elsewhere = |project: &mut Project| {
            source(project).r#type = SourceType::Github;
            source(project).location = Some("https://gitlab.com/a/b".into());
        };
        assert!(refusal(elsewhere).contains("must be a valid GITHUB repository URL"));
        let nameless = ProjectSource { r#type: SourceType::NoSource, ..ProjectSource::default() };
        assert!(
            refusal(|project| project.secondary_sources = Some(vec![nameless])).contains("sourceIdentifier")
        );
        let homeless = ProjectArtifacts { r#type: ArtifactsType::S3, ..ProjectArtifacts::default() };
        assert!(refusal(|project| project.artifacts = Some(homeless)).contains("location must be given"));
    }

    #[test]
    fn what_is_not_built_is_not_accepted() {
        let windows = |project: &mut Project| {
            project.environment.get_or_insert_default().r#type = EnvironmentType::WindowsContainer;
        };
        assert_eq!(refusal(windows), "Environment type WINDOWS_CONTAINER of CodeBuild is not built yet.");
    }

    #[test]
    fn overrides_replace_and_variables_merge() {
        let variable = |name: &str, value: &str| EnvironmentVariable {
            name: name.into(),
            value: value.into(),
            r#type: None,
        };
        let mut project = project();
        project.environment.get_or_insert_default().environment_variables =
            Some(vec![variable("A", "1"), variable("B", "1")]);
        let build = StartBuild {
            environment_variables_override: Some(vec![variable("B", "2"), variable("C", "2")]),
            buildspec_override: Some("other.yml".into()),
            ..StartBuild::default()
        };
        let project = override_with(project, &build);
        assert_eq!(
            project.environment.unwrap().environment_variables.unwrap(),
            [variable("A", "1"), variable("B", "2"), variable("C", "2")]
        );
        assert_eq!(project.source.unwrap().buildspec.as_deref(), Some("other.yml"));
    }

    #[test]
    fn inline_buildspecs() {
        assert!(is_inline("version: 0.2\nphases: {}"));
        assert!(is_inline("{\"version\": 0.2}"));
        assert!(!is_inline("ci/buildspec.yml"));
        assert!(!is_inline(""));
    }
}
