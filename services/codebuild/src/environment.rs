//! The variables that a build begins with.
//! Source: CodeBuild User Guide, "Environment variables in build environments".

use std::collections::BTreeMap;

use codebuild_model::EnvironmentVariableType;

use crate::{
    buildspec::Buildspec,
    records::Build,
    source::{Origin, Placed},
};

/// How the build comes by its role's credentials, and to this server.
pub(crate) struct Access<'a> {
    /// `http://127.0.0.1:4000`
    pub endpoint: &'a str,
    pub credentials_token: &'a str,
}

/// Variables whose values are kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Elsewhere {
    #[error("GetParameters of Systems Manager is not built yet; it was asked for {0}")]
    ParameterStore(String),
    #[error("GetSecretValue of Secrets Manager is not built yet; it was asked for {0}")]
    SecretsManager(String),
}

impl Elsewhere {
    /// CodeBuild's status code of a phase that could not get them.
    pub fn status_code(&self) -> &'static str {
        match self {
            Self::ParameterStore(_) => "Decrypted Variables Error",
            Self::SecretsManager(_) => "Secrets Manager Error",
        }
    }
}

/// The buildspec's variables, over them the project's (with the overrides of the build), over them CodeBuild's own.
pub(crate) fn variables(
    build: &Build,
    spec: &Buildspec,
    sources: &[Placed],
    access: &Access<'_>,
) -> Result<BTreeMap<String, String>, Elsewhere> {
    if let Some(reference) = spec.parameter_store.values().next() {
        return Err(Elsewhere::ParameterStore(reference.clone()));
    }
    if let Some(reference) = spec.secrets_manager.values().next() {
        return Err(Elsewhere::SecretsManager(reference.clone()));
    }
    let mut variables = spec.variables.clone();
    let environment = build.configuration.0.environment.as_ref();
    for variable in
        environment.and_then(|environment| environment.environment_variables.as_ref()).into_iter().flatten()
    {
        let value = variable.value.clone();
        match &variable.r#type {
            None | Some(EnvironmentVariableType::Plaintext | EnvironmentVariableType::Other(_)) => {}
            Some(EnvironmentVariableType::ParameterStore) => return Err(Elsewhere::ParameterStore(value)),
            Some(EnvironmentVariableType::SecretsManager) => return Err(Elsewhere::SecretsManager(value)),
        }
        variables.insert(variable.name.clone(), value);
    }
    variables.extend(own(build, sources, access));
    Ok(variables)
}

fn own(build: &Build, sources: &[Placed], access: &Access<'_>) -> BTreeMap<String, String> {
    let region = build.scope.region.as_str();
    let settings = &build.configuration.0;
    let image = settings.environment.as_ref().map(|environment| environment.image.clone());
    let mut own = BTreeMap::new();
    let mut set = |name: &str, value: String| own.insert(name.to_owned(), value);
    set("AWS_DEFAULT_REGION", region.to_owned());
    set("AWS_REGION", region.to_owned());
    set("AWS_ENDPOINT_URL", access.endpoint.to_owned());
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", crate::credentials::address(access.endpoint, build.id.uuid));
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN", access.credentials_token.to_owned());
    set("CI", "true".to_owned());
    set("HOME", "/root".to_owned());
    set("CODEBUILD_CI", "true".to_owned());
    set("CODEBUILD_BATCH_BUILD_IDENTIFIER", String::new());
    set("CODEBUILD_BUILD_ARN", build.arn());
    set("CODEBUILD_BUILD_ID", build.id.to_string());
    set("CODEBUILD_BUILD_IMAGE", image.unwrap_or_default());
    set("CODEBUILD_BUILD_NUMBER", build.number.to_string());
    set(
        "CODEBUILD_BUILD_URL",
        format!(
            "https://{region}.console.aws.amazon.com/codebuild/home?region={region}#/builds/{}/view/new",
            build.id
        ),
    );
    set("CODEBUILD_INITIATOR", build.initiator.clone());
    set("CODEBUILD_KMS_KEY_ID", settings.encryption_key.clone().unwrap_or_default());
    set("CODEBUILD_LOG_PATH", build.log.as_ref().map(|log| log.stream.clone()).unwrap_or_default());
    set(
        "CODEBUILD_PROJECT_ARN",
        build.scope.arn("codebuild", format_args!("project/{}", build.id.project)).to_string(),
    );
    set("CODEBUILD_START_TIME", build.started.as_millis().to_string());
    if let Some(version) = &build.resolved_source_version {
        set("CODEBUILD_RESOLVED_SOURCE_VERSION", version.clone());
    }
    for source in sources {
        let suffix = source.identifier.as_ref().map(|name| format!("_{name}")).unwrap_or_default();
        set(&format!("CODEBUILD_SRC_DIR{suffix}"), source.directory.display().to_string());
        set(&format!("CODEBUILD_SOURCE_VERSION{suffix}"), source.version.clone().unwrap_or_default());
        set(&format!("CODEBUILD_SOURCE_REPO_URL{suffix}"), repository_url(build, source));
    }
    own
}

fn repository_url(build: &Build, source: &Placed) -> String {
    match &source.origin {
        Origin::S3 { location } => format!("s3://{location}"),
        Origin::CodeCommit(repository) => {
            let region = crate::source::region(repository, build);
            format!("https://git-codecommit.{region}.amazonaws.com/v1/repos/{}", repository.name)
        }
        Origin::CodePipeline | Origin::NoSource => String::new(),
    }
}

/// Whether CodeBuild hands on the value of an exported variable: not the names that are AWS's own.
pub(crate) fn may_be_exported(name: &str) -> bool {
    !name.starts_with("AWS_")
}

#[cfg(test)]
mod tests {
    use codebuild_model::{EnvironmentVariable, Project, ProjectEnvironment};

    use super::*;
    use crate::{records::Configuration, state::tests::build};

    fn with(variables: Vec<(&str, &str, EnvironmentVariableType)>) -> Build {
        let variables = variables.into_iter().map(|(name, value, kind)| EnvironmentVariable {
            name: name.to_owned(),
            value: value.to_owned(),
            r#type: Some(kind),
        });
        let environment = ProjectEnvironment {
            environment_variables: Some(variables.collect()),
            ..ProjectEnvironment::default()
        };
        let mut build = build();
        build.configuration = Configuration(Project { environment: Some(environment), ..Project::default() });
        build
    }

    fn access() -> Access<'static> {
        Access { endpoint: "http://127.0.0.1:4000", credentials_token: "t" }
    }

    #[test]
    fn project_wins_over_buildspec_and_codebuild_over_both() {
        let spec = crate::buildspec::parse(
            "version: 0.2\nenv: {variables: {A: spec, B: spec, CODEBUILD_BUILD_ID: spec}}\nphases: {}\n",
        )
        .unwrap();
        let build = with(vec![
            ("B", "project", EnvironmentVariableType::Plaintext),
            ("CI", "project", EnvironmentVariableType::Plaintext),
        ]);
        let variables = variables(&build, &spec, &[], &access()).unwrap();
        assert_eq!((variables["A"].as_str(), variables["B"].as_str()), ("spec", "project"));
        assert_eq!(variables["CODEBUILD_BUILD_ID"], build.id.to_string());
        assert_eq!(variables["CI"], "true");
    }

    #[test]
    fn what_is_kept_elsewhere_is_refused_with_codebuilds_code() {
        let build = with(vec![("A", "/app/login", EnvironmentVariableType::ParameterStore)]);
        let refused = variables(&build, &Buildspec::default(), &[], &access()).unwrap_err();
        assert_eq!(refused.status_code(), "Decrypted Variables Error");
        let build = with(vec![("A", "app:token", EnvironmentVariableType::SecretsManager)]);
        let refused = variables(&build, &Buildspec::default(), &[], &access()).unwrap_err();
        assert_eq!(refused.status_code(), "Secrets Manager Error");
    }
}
