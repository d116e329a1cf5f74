//! The project's service role, assumed for real: everything that a build does, it does as its role.

use aws::{Client, Credentials, Error, Scope, Secret, Timestamp};
use codebuild_model::Project;
use std::time::Duration;
use sts_model::AssumeRole;
use tokio::sync::Mutex;

use crate::{PRINCIPAL, records::Build};

/// Credentials are renewed when they are good for less than this.
const RENEW_BEFORE: Duration = Duration::from_secs(10 * 60);

/// A role as one build uses it. Sessions are renewed as they end, so that a long build does not lose its rights.
pub(crate) struct Role {
    service: Client,
    principal: String,
    scope: Scope,
    /// Assumed one through another.
    through: Vec<String>,
    arn: String,
    session_name: String,
    session: Mutex<Option<Credentials>>,
}

impl Role {
    /// `client` needs no identity.
    pub fn of(client: &Client, build: &Build) -> Self {
        let uuid = build.id.uuid;
        let (principal, through, session_name) = match &build.on_behalf_of {
            Some(other) => (other.principal.as_str(), other.through.clone(), uuid.to_string()),
            None => (PRINCIPAL, Vec::new(), format!("AWSCodeBuild-{uuid}")),
        };
        Self {
            service: client.as_service(principal, build.scope.clone()),
            principal: principal.to_owned(),
            scope: build.scope.clone(),
            through,
            arn: build.configuration.0.service_role.clone().unwrap_or_default(),
            session_name,
            session: Mutex::default(),
        }
    }

    /// The role in a project's settings, for what is done for the project and for no build of it.
    pub fn of_project(client: &Client, scope: &Scope, settings: &Project) -> Self {
        let arn = settings.service_role.clone().unwrap_or_default();
        Self::new(client, scope, arn, "AWSCodeBuild".to_owned())
    }

    /// A role that this service assumes for something else than a build. `client` needs no identity.
    pub fn new(client: &Client, scope: &Scope, arn: String, session_name: String) -> Self {
        Self {
            service: client.as_service(PRINCIPAL, scope.clone()),
            principal: PRINCIPAL.to_owned(),
            scope: scope.clone(),
            through: Vec::new(),
            arn,
            session_name,
            session: Mutex::default(),
        }
    }

    /// A client with the role's rights. Errors: as `credentials`.
    pub async fn client(&self) -> Result<Client, Error> {
        Ok(self.acting_with(self.credentials().await?))
    }

    /// Errors: `AccessDeniedException` in CodeBuild's words when the role does not admit CodeBuild or does not exist.
    pub async fn credentials(&self) -> Result<Credentials, Error> {
        let mut session = self.session.lock().await;
        let good =
            |held: &Credentials| held.expires_at.is_none_or(|end| end > Timestamp::now().plus(RENEW_BEFORE));
        if let Some(held) = session.as_ref().filter(|held| good(held)) {
            return Ok(held.clone());
        }
        let mut client = self.service.clone();
        for role in &self.through {
            client = self.acting_with(assume(&client, role, &self.session_name).await?);
        }
        let assumed = assume(&client, &self.arn, &self.session_name).await?;
        *session = Some(assumed.clone());
        Ok(assumed)
    }

    fn acting_with(&self, credentials: Credentials) -> Client {
        self.service.with_credentials(credentials, self.scope.region.clone()).invoked_by(&self.principal)
    }
}

/// Whether CodeBuild may take on a role at all. Errors: as [`Role::credentials`].
pub(crate) async fn check(client: &Client, scope: &Scope, arn: &str) -> Result<(), Error> {
    assume(&client.as_service(PRINCIPAL, scope.clone()), arn, "AWSCodeBuild").await.map(|_| ())
}

async fn assume(service: &Client, arn: &str, session_name: &str) -> Result<Credentials, Error> {
    let input = AssumeRole {
        role_arn: arn.to_owned(),
        role_session_name: session_name.to_owned(),
        ..AssumeRole::default()
    };
    let answer = service.call(input).await.map_err(|error| match error.is_fault() {
        true => error,
        // The blank at the end is CodeBuild's.
        false => {
            Error::access_denied(format!("CodeBuild is not authorized to perform: sts:AssumeRole on {arn}. "))
        }
    })?;
    let credentials =
        answer.credentials.ok_or_else(|| Error::internal("AssumeRole answered no credentials"))?;
    Ok(Credentials {
        access_key_id: credentials.access_key_id,
        secret_access_key: Secret::new(credentials.secret_access_key),
        session_token: Some(Secret::new(credentials.session_token)),
        expires_at: Some(credentials.expiration),
    })
}
