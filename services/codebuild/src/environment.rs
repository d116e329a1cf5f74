//! The variables that a build begins with.
//! Source: CodeBuild User Guide, "Environment variables in build environments".

use std::collections::BTreeMap;

use codebuild_model::EnvironmentVariableType;

use crate::{
    CredentialsEndpoint,
    buildspec::Buildspec,
    records::{Build, WebhookStart},
    source::{Origin, Placed},
    trust::Trust,
};

/// What only CodeBuild sets.
const RESERVED: [&str; 2] = ["CODEBUILD_", "AWS_CONTAINER_"];

const ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";

/// How the build comes by its role's credentials, and to this server.
pub(crate) struct Access<'a> {
    /// `http://127.0.0.1:4000`
    pub endpoint: &'a str,
    /// The origin at which the build fetches its credentials.
    pub credentials: &'a str,
    pub credentials_token: &'a str,
    /// What the programs of the build are to trust, if the server's certificate is of an authority of its own.
    pub trust: Option<&'a Trust>,
}

/// A variable as the buildspec or the project gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Plain(String),
    /// The name of a parameter of Systems Manager.
    Parameter(String),
    /// `secret-id:json-key:version-stage:version-id` of Secrets Manager.
    Secret(String),
}

/// Everything that a build begins with.
#[derive(Clone, PartialEq)]
pub(crate) struct Variables {
    pub all: BTreeMap<String, String>,
    /// Those among them whose values must not be seen.
    pub secret: BTreeMap<String, String>,
    /// `AWS_ENDPOINT_URL` was given.
    pub has_own_endpoint: bool,
}

/// The buildspec's variables, and over them the project's (with the overrides of the build).
pub(crate) fn given(build: &Build, spec: &Buildspec) -> BTreeMap<String, Given> {
    let plain = spec.variables.iter().map(|(name, value)| (name.clone(), Given::Plain(value.clone())));
    let parameters =
        spec.parameter_store.iter().map(|(name, of)| (name.clone(), Given::Parameter(of.clone())));
    let secrets = spec.secrets_manager.iter().map(|(name, of)| (name.clone(), Given::Secret(of.clone())));
    let environment = build.configuration.0.environment.as_ref();
    let of_project = environment.and_then(|environment| environment.environment_variables.as_ref());
    let of_project = of_project.into_iter().flatten().map(|variable| {
        let value = variable.value.clone();
        let given = match &variable.r#type {
            None | Some(EnvironmentVariableType::Plaintext | EnvironmentVariableType::Other(_)) => {
                Given::Plain(value)
            }
            Some(EnvironmentVariableType::ParameterStore) => Given::Parameter(value),
            Some(EnvironmentVariableType::SecretsManager) => Given::Secret(value),
        };
        (variable.name.clone(), given)
    });
    plain.chain(parameters).chain(secrets).chain(of_project).collect()
}

/// What was given, with the `secret` values that were fetched. Builds may give CodeBuild's own variables another value
/// (`CI: false`, another `AWS_DEFAULT_REGION`), but not those that tell of the build and of its role's credentials.
pub(crate) fn variables(
    build: &Build,
    given: BTreeMap<String, Given>,
    secret: BTreeMap<String, String>,
    sources: &[Placed],
    access: &Access<'_>,
) -> Variables {
    let mut all = access.trust.map(Trust::variables).unwrap_or_default();
    let has_own_endpoint = given.contains_key(ENDPOINT_URL);
    all.extend(secret.clone());
    all.extend(given.into_iter().filter_map(|(name, given)| match given {
        Given::Plain(value) => Some((name, value)),
        Given::Parameter(_) | Given::Secret(_) => None,
    }));
    for (name, value) in own(build, sources, access) {
        if RESERVED.iter().any(|prefix| name.starts_with(prefix)) {
            all.insert(name, value);
        } else {
            all.entry(name).or_insert(value);
        }
    }
    Variables { all, secret, has_own_endpoint }
}

/// What of CodeBuild's own variables may be told to others than the build.
pub(crate) fn told(build: &Build, sources: &[Placed]) -> BTreeMap<String, String> {
    let mut told =
        own(build, sources, &Access { endpoint: "", credentials: "", credentials_token: "", trust: None });
    told.retain(|name, _| name.starts_with("CODEBUILD_"));
    told
}

fn own(build: &Build, sources: &[Placed], access: &Access<'_>) -> BTreeMap<String, String> {
    let region = build.scope.region.as_str();
    let settings = &build.configuration.0;
    let image = settings.environment.as_ref().map(|environment| environment.image.clone());
    let mut own = BTreeMap::new();
    let mut set = |name: &str, value: String| own.insert(name.to_owned(), value);
    set("AWS_DEFAULT_REGION", region.to_owned());
    set("AWS_REGION", region.to_owned());
    set(ENDPOINT_URL, access.endpoint.to_owned());
    let credentials = CredentialsEndpoint::address(access.credentials, build.id.uuid);
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", credentials);
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN", access.credentials_token.to_owned());
    set("CI", "true".to_owned());
    set("HOME", "/root".to_owned());
    set("CODEBUILD_CI", "true".to_owned());
    let part_of = build.part_of.as_ref();
    set("CODEBUILD_BATCH_BUILD_IDENTIFIER", part_of.map(|part| part.identifier.clone()).unwrap_or_default());
    if let Some(shard) = part_of.and_then(|part| part.shard) {
        // What `codebuild-tests-run` goes by; these names are ours.
        set("CODEBUILD_SHARD_INDEX", shard.index.to_string());
        set("CODEBUILD_SHARD_COUNT", shard.count.to_string());
    }
    set("CODEBUILD_BUILD_ARN", build.arn());
    set("CODEBUILD_BUILD_ID", build.id.public());
    set("CODEBUILD_BUILD_IMAGE", image.unwrap_or_default());
    set("CODEBUILD_BUILD_NUMBER", build.number.to_string());
    set(
        "CODEBUILD_BUILD_URL",
        format!(
            "https://{region}.console.aws.amazon.com/codebuild/home?region={region}#/builds/{}/view/new",
            build.id.public()
        ),
    );
    set("CODEBUILD_INITIATOR", build.initiator.clone());
    set("CODEBUILD_KMS_KEY_ID", settings.encryption_key.clone().unwrap_or_default());
    set("CODEBUILD_LOG_PATH", build.log.as_ref().map(|log| log.stream.clone()).unwrap_or_default());
    set(
        "CODEBUILD_PROJECT_ARN",
        build.scope.arn("codebuild", format_args!("project/{}", build.id.project_name())).to_string(),
    );
    set("CODEBUILD_START_TIME", build.started.as_millis().to_string());
    if let Some(version) = &build.resolved_source_version {
        set("CODEBUILD_RESOLVED_SOURCE_VERSION", version.clone());
    }
    for (name, value) in build.webhook.iter().flat_map(WebhookStart::variables) {
        set(name, value);
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
        Origin::Git(repository) => repository.url.clone(),
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
        let here = "http://127.0.0.1:4000";
        Access { endpoint: here, credentials: here, credentials_token: "t", trust: None }
    }

    #[test]
    fn project_wins_over_buildspec_and_both_over_what_is_not_reserved() {
        let spec = crate::buildspec::parse(
            "version: 0.2\nenv: {variables: {A: spec, B: spec, CODEBUILD_BUILD_ID: spec}}\nphases: {}\n",
        )
        .unwrap();
        let build = with(vec![
            ("B", "project", EnvironmentVariableType::Plaintext),
            ("CI", "project", EnvironmentVariableType::Plaintext),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "project", EnvironmentVariableType::Plaintext),
        ]);
        let variables = variables(&build, given(&build, &spec), BTreeMap::new(), &[], &access()).all;
        assert_eq!((variables["A"].as_str(), variables["B"].as_str()), ("spec", "project"));
        assert_eq!(variables["CODEBUILD_BUILD_ID"], build.id.to_string());
        assert_eq!(variables["CI"], "project");
        assert_eq!(variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"], "t");
    }

    #[test]
    fn what_is_kept_elsewhere_is_named_and_then_fetched() {
        let spec = crate::buildspec::parse(
            "version: 0.2\nenv:\n  variables: {A: spec}\n  parameter-store: {B: /b, C: /c}\n  secrets-manager: {D: 'd:k'}\nphases: {}\n",
        )
        .unwrap();
        let build = with(vec![
            ("A", "/a", EnvironmentVariableType::ParameterStore),
            ("C", "plain", EnvironmentVariableType::Plaintext),
        ]);
        let given = given(&build, &spec);
        let expected = [
            ("A", Given::Parameter("/a".into())),
            ("B", Given::Parameter("/b".into())),
            ("C", Given::Plain("plain".into())),
            ("D", Given::Secret("d:k".into())),
        ];
        assert_eq!(given, expected.map(|(name, given)| (name.to_owned(), given)).into());
        let secret = BTreeMap::from([("B".to_owned(), "hidden".to_owned())]);
        let variables = variables(&build, given, secret.clone(), &[], &access());
        assert_eq!((variables.all["B"].as_str(), variables.all["C"].as_str()), ("hidden", "plain"));
        assert_eq!(variables.secret, secret);
    }
}
