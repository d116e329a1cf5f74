//! PROVISIONING: the role, the log stream, the build's folder, and the image of its container.

use codebuild_model::LogsConfigStatusType;
use logs_model::{CreateLogGroup, CreateLogStream};
use runner::{Layers, PullAs, RegistryUser, Requested};
use secretsmanager_model::GetSecretValue;
use serde::Deserialize;

use super::{
    download::role_client,
    drive::{Drive, Trouble},
};
use crate::{
    container::{PullBy, pull_by, unable_to_pull},
    records::{Build, LogStream},
    state::{Change, Outcome},
};

/// May be done again.
pub(super) async fn provision(drive: &Drive<'_>, build: &Build) -> Result<Vec<Change>, Trouble> {
    let denied = |error: &aws::Error| Outcome::failed("ACCESS_DENIED", error.message.clone());
    drive.role.credentials().await.map_err(|error| Trouble::of(error, denied))?;
    let stream = stream_of(build);
    if let Some(stream) = &stream {
        create(drive, build, stream).await?;
    }
    drive.codebuild.executor.prepare(build.id.uuid).await?;
    pull(drive, build).await?;
    Ok(stream.map(Change::Log).into_iter().collect())
}

/// Where a build's log goes. None if the project wants no log.
pub(crate) fn stream_of(build: &Build) -> Option<LogStream> {
    let config = build.configuration.0.logs_config.as_ref().and_then(|logs| logs.cloud_watch_logs.as_ref());
    if config.is_some_and(|config| config.status == LogsConfigStatusType::Disabled) {
        return None;
    }
    let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    let group = config.and_then(|config| given(&config.group_name));
    let prefix = config.and_then(|config| given(&config.stream_name));
    let uuid = build.id.uuid;
    Some(LogStream {
        group: group.unwrap_or_else(|| format!("/aws/codebuild/{}", build.id.project_name())),
        stream: prefix.map_or_else(|| uuid.to_string(), |prefix| format!("{prefix}/{uuid}")),
    })
}

async fn pull(drive: &Drive<'_>, build: &Build) -> Result<(), Trouble> {
    let containers = &drive.codebuild.config.containers;
    if containers.pool(build).is_some() {
        // Its worker pulls. That the password cannot be had shows here all the same.
        return pull_as(drive, build).await.map(|_| ());
    }
    let Some(container) = containers.of(build).map_err(Trouble::Ends)? else {
        return Ok(());
    };
    let pull_as = pull_as(drive, build).await?;
    let provided = drive.codebuild.executor.provide(build.id.uuid, &container, pull_as).await;
    provided.map_err(|unprovided| Trouble::Ends(unable_to_pull(&unprovided.to_string())))
}

async fn pull_as<'a>(drive: &'a Drive<'_>, build: &Build) -> Result<&'a PullAs, Trouble> {
    let environment = build.configuration.0.environment.as_ref();
    let find = async || match environment.map_or(PullBy::CodeBuild, pull_by) {
        PullBy::CodeBuild => Ok(PullAs::Operator),
        PullBy::ServiceRole => Ok(PullAs::Anybody),
        PullBy::Secret(secret) => registry_user(drive, secret).await.map(PullAs::User),
    };
    drive.pull_as.get_or_try_init(find).await
}

/// What the workers of a build are told of the container that its project asks for.
pub(super) async fn requested(
    drive: &Drive<'_>,
    build: &Build,
    layers: Option<Layers>,
) -> Result<Option<Requested>, Trouble> {
    let Some(environment) = &build.configuration.0.environment else { return Ok(None) };
    Ok(Some(Requested {
        image: environment.image.clone(),
        privileged: environment.privileged_mode == Some(true),
        pull_as: pull_as(drive, build).await?.clone(),
        layers,
    }))
}

/// What a secret says of a private registry: `{"username": …, "password": …}`. Fetched as the build's role.
async fn registry_user(drive: &Drive<'_>, secret: &str) -> Result<RegistryUser, Trouble> {
    let client = role_client(drive).await?;
    let input = GetSecretValue { secret_id: secret.to_owned(), ..GetSecretValue::default() };
    let refused = |error: &aws::Error| unable_to_pull(&format!("{}: {}", error.code, error.message));
    let answer = client.call(input).await.map_err(|error| Trouble::of(error, refused))?;
    let text = answer.secret_string.unwrap_or_default();
    let user = serde_json::from_str(&text)
        .map(|SecretUser { username, password }| RegistryUser { name: username, password });
    user.map_err(|_| {
        let wanted = format!("the secret {secret} must be JSON with username and password");
        Trouble::Ends(unable_to_pull(&wanted))
    })
}

#[derive(Deserialize)]
struct SecretUser {
    username: String,
    password: String,
}

/// The group is made only if it is not there: a role need not have the right to.
async fn create(drive: &Drive<'_>, build: &Build, log: &LogStream) -> Result<(), Trouble> {
    let role = build.configuration.0.service_role.clone().unwrap_or_default();
    let denied = |error: &aws::Error| {
        Outcome::failed(
            "ACCESS_DENIED",
            format!(
                "Service role {role} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams for build \
                 {}. Error message: {}",
                build.arn(),
                error.message
            ),
        )
    };
    let client = drive.role.client().await.map_err(|error| Trouble::of(error, denied))?;
    let stream = CreateLogStream { log_group_name: log.group.clone(), log_stream_name: log.stream.clone() };
    match client.call(stream.clone()).await {
        Err(error) if error.code == "ResourceNotFoundException" => {
            let group = CreateLogGroup { log_group_name: log.group.clone(), ..CreateLogGroup::default() };
            there_already(client.call(group).await.map(|_| ()))
                .map_err(|error| Trouble::of(error, denied))?;
            there_already(client.call(stream).await.map(|_| ())).map_err(|error| Trouble::of(error, denied))
        }
        answer => there_already(answer.map(|_| ())).map_err(|error| Trouble::of(error, denied)),
    }
}

/// Made by an earlier attempt, or by another build.
fn there_already(answer: Result<(), aws::Error>) -> Result<(), aws::Error> {
    match answer {
        Err(error) if error.code == "ResourceAlreadyExistsException" => Ok(()),
        answer => answer,
    }
}
