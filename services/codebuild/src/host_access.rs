//! How a Git host is reached: where its repositories are, and what it is shown, for a build or for a project.

use aws::{Scope, Secret, clone_reference::ThroughConnection};
use codebuild_model::{ProjectSource, SourceAuthType};
use codeconnections_model::{GetConnectionToken, GetConnectionTokenOutput};
use githost::api::Api;
use githost::{Remote, git::Credential};
use secretsmanager_model::GetSecretValue;
use serde::Deserialize;

use crate::{
    CodeBuild,
    hosts::may_be_shown,
    records::{CredentialKind, SourceCredential},
    role::Role,
    source::git,
};

/// A secret that holds a credential. Source: CodeBuild User Guide, "Create and store a token in a Secrets Manager secret".
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretCredential {
    server_type: String,
    token: String,
    username: Option<String>,
}

/// Acts as the role of a build or of a project.
pub(crate) struct HostAccess<'a> {
    pub codebuild: &'a CodeBuild,
    pub scope: &'a Scope,
    pub role: &'a Role,
}

/// Why a host cannot be reached so.
#[derive(Clone, Debug)]
pub(crate) enum Denied {
    Refused(String),
    /// Another service answered with a fault of its own, or the store did: it may go well later.
    Fault(aws::Error),
}

impl From<store::Error> for Denied {
    fn from(error: store::Error) -> Self {
        Self::Fault(aws::Error::internal(error))
    }
}

impl Denied {
    fn of(error: aws::Error, told: impl FnOnce(&aws::Error) -> String) -> Self {
        match error.is_fault() {
            true => Self::Fault(error),
            false => Self::Refused(told(&error)),
        }
    }

    /// Why it was refused. Errors: the fault, in words; it may go well later.
    pub fn refusal(self) -> Result<String, String> {
        match self {
            Self::Refused(why) => Ok(why),
            Self::Fault(error) => Err(error.message),
        }
    }
}

fn below(origin: &str) -> String {
    format!("{}/", origin.trim_end_matches('/'))
}

impl HostAccess<'_> {
    /// Where a repository is fetched, and what is shown there; with the reason if an account's credential is withheld.
    pub async fn remote(
        &self,
        source: &ProjectSource,
        repository: &git::Repository,
    ) -> Result<(Remote, Option<String>), Denied> {
        let hosts = &self.codebuild.config.git_hosts;
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
        match self.kind(source, server_type).await? {
            None => {}
            Some(CredentialKind::Token { user_name, sealed_token }) if may_be_shown(repository, hosts) => {
                let purpose = SourceCredential::purpose(self.scope, server_type);
                let token = self.codebuild.sealer.open_text(&purpose, &sealed_token);
                let token = token.map_err(|error| Denied::Fault(aws::Error::internal(error)))?;
                remote.credential = Some(credential(repository, user_name, token));
            }
            Some(CredentialKind::Token { .. }) => {
                let why = format!(
                    "The source credential of {server_type} is not shown to {}: the server's configuration does not \
                     name this host (git_hosts)",
                    repository.authority
                );
                return Ok((remote, Some(why)));
            }
            Some(CredentialKind::Secret(arn)) => {
                remote.credential = Some(self.secret_credential(repository, &arn).await?);
            }
            Some(CredentialKind::Connection(arn)) => {
                self.through_connection(repository, &arn, &mut remote).await?;
            }
        }
        Ok((remote, None))
    }

    /// The host's API. None if the operator's configuration has none.
    pub async fn api(
        &self,
        source: &ProjectSource,
        repository: &git::Repository,
    ) -> Result<Option<Api>, Denied> {
        let host = self.codebuild.config.git_hosts.get(&repository.authority);
        let Some(base) = host.and_then(|host| host.api.clone()) else { return Ok(None) };
        let (remote, _) = self.remote(source, repository).await?;
        let missing = || Denied::Refused(format!("no credential of {} is known", repository.server_type()));
        let credential = remote.credential.ok_or_else(missing)?;
        let path = repository.path.clone();
        Ok(Some(Api { provider: repository.provider, base, path, is_organisation: false, credential }))
    }

    /// The project's own authorisation, or else the account's.
    async fn kind(
        &self,
        source: &ProjectSource,
        server_type: &str,
    ) -> Result<Option<CredentialKind>, Denied> {
        if let Some(auth) = &source.auth {
            let resource = auth.resource.clone().unwrap_or_default();
            match auth.r#type {
                SourceAuthType::Codeconnections => return Ok(Some(CredentialKind::Connection(resource))),
                SourceAuthType::SecretsManager => return Ok(Some(CredentialKind::Secret(resource))),
                SourceAuthType::Oauth | SourceAuthType::Other(_) => {}
            }
        }
        let key = SourceCredential::key_of(self.scope, server_type);
        let read = self.codebuild.store.read(move |tx| tx.get::<SourceCredential>(&key)).await?;
        Ok(read.map(|found| found.into_inner().kind))
    }

    async fn client(&self) -> Result<aws::Client, Denied> {
        self.role.client().await.map_err(|error| Denied::of(error, |error| error.message.clone()))
    }

    async fn secret_credential(&self, repository: &git::Repository, arn: &str) -> Result<Credential, Denied> {
        let client = self.client().await?;
        let get = GetSecretValue { secret_id: arn.to_owned(), ..GetSecretValue::default() };
        let failed = |why: &str| format!("Failed to get access token from {arn}: {why}");
        let answer = client.call(get).await;
        let answer = answer.map_err(|error| Denied::of(error, |error| failed(&error.message)))?;
        let text = answer.secret_string.unwrap_or_default();
        let held: SecretCredential = serde_json::from_str(&text)
            .map_err(|_| Denied::Refused(failed("it does not hold ServerType, AuthType and Token")))?;
        if held.server_type != repository.server_type().as_str() {
            return Err(Denied::Refused(failed(&format!("its ServerType is {}", held.server_type))));
        }
        Ok(credential(repository, held.username, held.token))
    }

    /// The repository is fetched where the connection was authorised to, and its token goes nowhere else.
    async fn through_connection(
        &self,
        repository: &git::Repository,
        arn: &str,
        remote: &mut Remote,
    ) -> Result<(), Denied> {
        let given = self.connection_token(arn, &repository.path).await?;
        let (origin, real) = (below(&repository.origin), below(&given.git_url));
        remote.instead = (origin != real).then(|| (origin, real.clone()));
        remote.shown_to = real;
        remote.credential = Some(of_connection(given));
        Ok(())
    }

    /// What an artifact refers to, through the connection that it names.
    pub async fn referred(&self, url: &str, connection: &ThroughConnection) -> Result<Remote, Denied> {
        let given = self.connection_token(&connection.arn, &connection.full_repository_id).await?;
        let shown_to = below(&given.git_url);
        if !url.starts_with(&shown_to) {
            return Err(Denied::Refused(format!(
                "{url} is no repository of the connection {}",
                connection.arn
            )));
        }
        let credential = Some(of_connection(given));
        Ok(Remote { shown_to, ..Remote::new(url.to_owned(), credential) })
    }

    async fn connection_token(
        &self,
        arn: &str,
        full_repository_id: &str,
    ) -> Result<GetConnectionTokenOutput, Denied> {
        let client = self.client().await?;
        let failed = |why: &str| format!("Failed to get access token from {arn}: {why}");
        let ask = GetConnectionToken {
            connection_arn: arn.to_owned(),
            full_repository_id: full_repository_id.to_owned(),
        };
        client.call(ask).await.map_err(|error| Denied::of(error, |error| failed(&error.message)))
    }
}

fn of_connection(given: GetConnectionTokenOutput) -> Credential {
    Credential { user_name: given.user_name, token: Secret::new(given.token) }
}

fn credential(repository: &git::Repository, user_name: Option<String>, token: String) -> Credential {
    let user_name = user_name.unwrap_or_else(|| repository.provider.user_name().to_owned());
    Credential { user_name, token: Secret::new(token) }
}
