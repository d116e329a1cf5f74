//! The host's side of a webhook: it is told the address and the secret.

use aws::Secret;
use codebuild_model::Project as Settings;
use githost::api::{Api, Hook, Refusal};

use super::endpoint;
use crate::{
    CodeBuild,
    error::Error,
    host_access::{Denied, HostAccess},
    records::{Project, Webhook},
    role::Role,
    source::{Origin, git},
};

/// The repository of a project's primary source. Errors: InvalidInput where it is no Git host's.
pub(crate) fn repository(settings: &Settings) -> Result<git::Repository, Error> {
    match settings.source.as_ref().map(Origin::of) {
        Some(Ok(Origin::Git(repository))) => Ok(repository),
        _ => Err(Error::InvalidInput(
            "Invalid webhook: the source of the project is not at GitHub, GitHub Enterprise, GitLab or Bitbucket"
                .to_owned(),
        )),
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
    api(codebuild, project).await?.register(&hook).await.map_err(|refusal| told(&refusal))
}

/// As `register`, of a webhook that the host never had. If it is not known whether the host has it now, it is taken away
/// again. The second is whether the host has none of it, in case of an error.
pub(crate) async fn register_new(
    codebuild: &CodeBuild,
    project: &Project,
    webhook: &Webhook,
    secret: &str,
) -> Result<String, (Error, bool)> {
    let api = api(codebuild, project).await.map_err(|error| (error, true))?;
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
    let api = api(codebuild, project).await?;
    match api.deregister(&endpoint::url(&codebuild.config.endpoint, &webhook.address)).await {
        Err(Refusal::NotAllowed(why)) => {
            tracing::warn!(why, project = webhook.project, "a webhook could not be taken away at its host");
            Ok(())
        }
        other => other.map_err(|refusal| told(&refusal)),
    }
}

async fn api(codebuild: &CodeBuild, project: &Project) -> Result<Api, Error> {
    let settings = &project.configuration.0;
    let repository = repository(settings)?;
    let role = settings.service_role.as_deref().unwrap_or_default();
    let role = Role::of_project(&codebuild.client, &project.scope, role);
    let access = HostAccess { codebuild, scope: &project.scope, role: &role };
    let source = settings.source.clone().unwrap_or_default();
    match access.api(&source, &repository).await {
        Ok(Some(api)) => Ok(api),
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
