//! The host's side of a webhook: it is told the address and the secret.

use aws::Secret;
use codebuild_model::{Project as Settings, ProjectSource};
use githost::{
    Provider,
    api::{Api, Hook, Refusal},
};

use super::{endpoint, scope};
use crate::{
    CodeBuild,
    error::Error,
    host_access::{Denied, HostAccess},
    records::{Project, Webhook},
    role::Role,
    source::{Origin, git},
};

/// The kind of host of a project's primary source. Errors: InvalidInput where it is no Git host's.
pub(crate) fn provider(settings: &Settings) -> Result<Provider, Error> {
    match settings.source.as_ref().filter(|source| scope::is_any_repository(source)) {
        Some(source) => git::provider(&source.r#type).ok_or_else(no_host),
        None => repository(settings).map(|repository| repository.provider),
    }
}

/// The repository of this name, and how the project fetches it. None if it is not the project's, or not its organisation's.
pub(crate) fn place(
    webhook: &Webhook,
    project: &Project,
    name: &str,
) -> Option<(git::Repository, ProjectSource)> {
    let settings = &project.configuration.0;
    let source = settings.source.clone().unwrap_or_default();
    if let Some(scope) = &webhook.settings.0.scope_configuration {
        let is_any =
            scope::is_any_repository(&source) && git::provider(&source.r#type) == Some(webhook.provider);
        let repository = is_any.then(|| scope::repository(scope, webhook.provider, name)).flatten()?;
        let source = ProjectSource { location: Some(repository.url.clone()), ..source };
        return Some((repository, source));
    }
    let repository = repository(settings).ok()?;
    let is_this = repository.provider == webhook.provider && repository.path.eq_ignore_ascii_case(name);
    is_this.then_some((repository, source))
}

fn no_host() -> Error {
    Error::InvalidInput(
        "Invalid webhook: the source of the project is not at GitHub, GitHub Enterprise, GitLab or Bitbucket"
            .to_owned(),
    )
}

/// The repository of a project's primary source. Errors: InvalidInput where it is no Git host's.
pub(crate) fn repository(settings: &Settings) -> Result<git::Repository, Error> {
    match settings.source.as_ref().map(Origin::of) {
        Some(Ok(Origin::Git(repository))) => Ok(repository),
        _ => Err(no_host()),
    }
}

/// Answers under which address the host's API has the webhook. A repeated call tells it the present secret.
/// Errors: InvalidInput (no API is configured), Provider.
pub(crate) async fn register(
    codebuild: &CodeBuild,
    project: &Project,
    webhook: &Webhook,
    secret: &str,
) -> Result<String, Error> {
    let hook = hook(codebuild, webhook, secret);
    api(codebuild, project, webhook).await?.register(&hook).await.map_err(|refusal| told(&refusal))
}

/// As `register`, of a webhook that the host never had. If it is not known whether the host has it now, it is taken away
/// again. The second is whether the host has none of it, in case of an error.
pub(crate) async fn register_new(
    codebuild: &CodeBuild,
    project: &Project,
    webhook: &Webhook,
    secret: &str,
) -> Result<String, (Error, bool)> {
    let api = api(codebuild, project, webhook).await.map_err(|error| (error, true))?;
    let hook = hook(codebuild, webhook, secret);
    match api.register(&hook).await {
        Ok(url) => Ok(url),
        Err(refusal @ Refusal::Unavailable(_)) => {
            let is_away = api.deregister(&hook.url).await.is_ok();
            Err((told(&refusal), is_away))
        }
        Err(refusal) => Err((told(&refusal), true)),
    }
}

fn hook(codebuild: &CodeBuild, webhook: &Webhook, secret: &str) -> Hook {
    Hook { url: endpoint::url(&codebuild.config.endpoint, &webhook.address), secret: Secret::new(secret) }
}

/// A webhook that the host does not have, or does not let this credential see, is no obstacle: its deliveries are refused
/// from now on. Errors: as `register`.
pub(crate) async fn deregister(
    codebuild: &CodeBuild,
    project: &Project,
    webhook: &Webhook,
) -> Result<(), Error> {
    let api = api(codebuild, project, webhook).await?;
    match api.deregister(&endpoint::url(&codebuild.config.endpoint, &webhook.address)).await {
        Err(Refusal::NotAllowed(why) | Refusal::Absent(why)) => {
            tracing::warn!(why, project = webhook.project, "a webhook could not be taken away at its host");
            Ok(())
        }
        other => other.map_err(|refusal| told(&refusal)),
    }
}

async fn api(codebuild: &CodeBuild, project: &Project, webhook: &Webhook) -> Result<Api, Error> {
    let settings = &project.configuration.0;
    let organisation = webhook.settings.0.scope_configuration.as_ref();
    let repository = match organisation {
        Some(scope) => scope::organisation(scope, webhook.provider).ok_or_else(no_host)?,
        None => repository(settings)?,
    };
    let role = Role::of_project(&codebuild.client, &project.scope, settings);
    let access = HostAccess { codebuild, scope: &project.scope, role: &role };
    let source = settings.source.clone().unwrap_or_default();
    match access.api(&source, &repository).await {
        Ok(Some(api)) => Ok(Api { is_organisation: organisation.is_some(), ..api }),
        Ok(None) => Err(Error::InvalidInput(format!(
            "The webhook cannot be registered: no API of {} is configured here (git_hosts)",
            repository.authority
        ))),
        Err(Denied::Fault(error)) => Err(Error::Other(error)),
        Err(Denied::Refused(why)) => Err(Error::Provider(format!("Failed to call the Git host: {why}"))),
    }
}

fn told(refusal: &Refusal) -> Error {
    Error::Provider(format!("Failed to call the Git host: {refusal}"))
}
