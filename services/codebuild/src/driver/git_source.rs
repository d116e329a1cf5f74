//! Sources at Git hosts: what is shown to the host, the clone, and how a failure is told.

use std::path::Path;

use aws::Secret;
use codebuild_model::{ProjectSource, SourceAuthType};
use codeconnections_model::GetConnectionToken;
use githost::clones::Wanted;
use githost::git::Credential;
use githost::version::Version;
use githost::{Failure, Remote};
use runner::{Folder, agent_line};
use secretsmanager_model::GetSecretValue;
use serde::Deserialize;

use super::{
    Fault,
    download::{client_error, role_client},
    drive::{Drive, Trouble},
};
use crate::{
    hosts::may_be_shown,
    records::{Build, CredentialKind, SourceCredential},
    source::{Placed, git},
    state::Outcome,
};

/// A secret that holds a credential. Source: CodeBuild User Guide, "Create and store a token in a Secrets Manager secret".
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretCredential {
    server_type: String,
    token: String,
    username: Option<String>,
}

/// Clones a source and checks it out. Gives the commit.
pub(super) async fn clone(
    drive: &Drive<'_>,
    build: &Build,
    placed: &Placed,
    repository: &git::Repository,
    folder: &Folder,
    into: &Path,
    which: &str,
) -> Result<String, Trouble> {
    let source = declared(build, placed);
    let remote = remote(drive, build, &source, repository, folder).await?;
    clone_from(drive, &remote, &source, placed.version.as_deref(), repository, into, which).await
}

pub(super) async fn clone_from(
    drive: &Drive<'_>,
    remote: &Remote,
    source: &ProjectSource,
    version: Option<&str>,
    repository: &git::Repository,
    into: &Path,
    which: &str,
) -> Result<String, Trouble> {
    let told = version.filter(|version| !version.is_empty());
    let which = told.map_or_else(|| which.to_owned(), |told| format!("{which} and source version {told}"));
    let Some(version) = Version::parse(version, repository.provider) else {
        return Err(client_error(format!("reference not found {which}")));
    };
    let wanted = Wanted {
        remote,
        version: &version,
        depth: git::depth(source),
        submodules: git::has_submodules(source),
        into,
    };
    drive.codebuild.clones.clone(&wanted).await.map_err(|failure| match failure {
        Failure::Io(error) => Trouble::Fault(Fault::Io(error)),
        failure => client_error(format!("{failure} {which}")),
    })
}

/// The settings of a source.
fn declared(build: &Build, placed: &Placed) -> ProjectSource {
    let settings = &build.configuration.0;
    let mut declared = settings.source.iter().chain(settings.secondary_sources.iter().flatten());
    let found = match &placed.identifier {
        None => settings.source.as_ref(),
        identifier => declared.find(|source| source.source_identifier == *identifier),
    };
    found.cloned().unwrap_or_default()
}

/// Where a repository is fetched, and what is shown there.
pub(super) async fn remote(
    drive: &Drive<'_>,
    build: &Build,
    source: &ProjectSource,
    repository: &git::Repository,
    folder: &Folder,
) -> Result<Remote, Trouble> {
    let hosts = &drive.codebuild.config.git_hosts;
    let below = |origin: &str| format!("{}/", origin.trim_end_matches('/'));
    let origin = below(&repository.origin);
    let real = hosts.get(&repository.authority).and_then(|host| host.url.as_deref()).map(below);
    let mut remote = Remote {
        url: repository.url.clone(),
        credential: None,
        shown_to: real.clone().unwrap_or_else(|| origin.clone()),
        instead: real.map(|real| (origin.clone(), real)),
        insecure_tls: source.insecure_ssl == Some(true),
    };
    let server_type = repository.server_type();
    let server_type = server_type.as_str();
    match kind(drive, build, source, server_type).await? {
        None => {}
        Some(CredentialKind::Token { user_name, sealed_token }) if may_be_shown(repository, hosts) => {
            let purpose = SourceCredential::purpose(&build.scope, server_type);
            let token = drive.codebuild.sealer.open_text(&purpose, &sealed_token);
            let token = token.map_err(|error| Fault::Service(aws::Error::internal(error)))?;
            remote.credential = Some(credential(repository, user_name, token));
        }
        Some(CredentialKind::Token { .. }) => {
            let host = &repository.authority;
            let why = format!(
                "The source credential of {server_type} is not shown to {host}: the server's configuration does not \
                 name this host (git_hosts)"
            );
            folder.append_output(&agent_line(&why))?;
        }
        Some(CredentialKind::Secret(arn)) => {
            remote.credential = Some(from_secret(drive, repository, &arn).await?);
        }
        Some(CredentialKind::Connection(arn)) => {
            through_connection(drive, repository, &arn, &mut remote).await?;
        }
    }
    Ok(remote)
}

/// The project's own authorisation, or else the account's.
async fn kind(
    drive: &Drive<'_>,
    build: &Build,
    source: &ProjectSource,
    server_type: &str,
) -> Result<Option<CredentialKind>, Trouble> {
    if let Some(auth) = &source.auth {
        let resource = auth.resource.clone().unwrap_or_default();
        match auth.r#type {
            SourceAuthType::Codeconnections => return Ok(Some(CredentialKind::Connection(resource))),
            SourceAuthType::SecretsManager => return Ok(Some(CredentialKind::Secret(resource))),
            SourceAuthType::Oauth | SourceAuthType::Other(_) => {}
        }
    }
    let key = SourceCredential::key_of(&build.scope, server_type);
    let read = drive.codebuild.store.read(move |tx| tx.get::<SourceCredential>(&key)).await?;
    Ok(read.map(|found| found.into_inner().kind))
}

fn credential(repository: &git::Repository, user_name: Option<String>, token: String) -> Credential {
    let user_name = user_name.unwrap_or_else(|| repository.provider.user_name().to_owned());
    Credential { user_name, token: Secret::new(token) }
}

/// Read as the build's role.
async fn from_secret(
    drive: &Drive<'_>,
    repository: &git::Repository,
    arn: &str,
) -> Result<Credential, Trouble> {
    let client = role_client(drive).await?;
    let get = GetSecretValue { secret_id: arn.to_owned(), ..GetSecretValue::default() };
    let denied = |error: &aws::Error| {
        Outcome::failed("CLIENT_ERROR", format!("Failed to get access token from {arn}: {}", error.message))
    };
    let answer = client.call(get).await.map_err(|error| Trouble::of(error, denied))?;
    let text = answer.secret_string.unwrap_or_default();
    let held: SecretCredential = serde_json::from_str(&text).map_err(|_| {
        client_error(format!("Failed to get access token from {arn}: it does not hold ServerType, AuthType and Token"))
    })?;
    if held.server_type != repository.server_type().as_str() {
        let message = format!("Failed to get access token from {arn}: its ServerType is {}", held.server_type);
        return Err(client_error(message));
    }
    Ok(credential(repository, held.username, held.token))
}

/// Used as the build's role. The repository is fetched where the connection was authorised to, and its token goes nowhere
/// else.
pub(super) async fn through_connection(
    drive: &Drive<'_>,
    repository: &git::Repository,
    arn: &str,
    remote: &mut Remote,
) -> Result<(), Trouble> {
    let client = role_client(drive).await?;
    let denied = |error: &aws::Error| {
        Outcome::failed("CLIENT_ERROR", format!("Failed to get access token from {arn}: {}", error.message))
    };
    let ask =
        GetConnectionToken { connection_arn: arn.to_owned(), full_repository_id: repository.path.clone() };
    let answer = client.call(ask).await.map_err(|error| Trouble::of(error, denied))?;
    let below = |origin: &str| format!("{}/", origin.trim_end_matches('/'));
    let (origin, real) = (below(&repository.origin), below(&answer.git_url));
    remote.instead = (origin != real).then(|| (origin, real.clone()));
    remote.shown_to = real;
    remote.credential =
        Some(Credential { user_name: answer.user_name, token: Secret::new(answer.token) });
    Ok(())
}
