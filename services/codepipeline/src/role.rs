//! Whose permissions an action works with: the pipeline's role, really assumed, or a role behind it.

use aws::{Client, Credentials, Error, Scope, Secret};
use sts_model::AssumeRole;
use tokio::sync::OnceCell;

use crate::PRINCIPAL;

/// A role to be assumed when it is needed, once.
pub(crate) struct Role {
    service: Client,
    scope: Scope,
    pipeline_role: String,
    action_role: Option<String>,
    session_name: String,
    session_policy: Option<String>,
    assumed: OnceCell<Client>,
}

/// How long credentials last that are handed out; the shortest that STS knows.
const LIMITED_SECONDS: i32 = 900;

impl Role {
    /// The pipeline's role, or the action's, which is assumed through the pipeline's.
    pub(crate) fn new(
        client: &Client,
        scope: &Scope,
        pipeline_role: &str,
        action_role: Option<&str>,
        session_name: &str,
    ) -> Self {
        Self {
            service: client.as_service(PRINCIPAL, scope.clone()),
            scope: scope.clone(),
            pipeline_role: pipeline_role.to_owned(),
            action_role: action_role.filter(|role| *role != pipeline_role).map(str::to_owned),
            session_name: session_name.to_owned(),
            session_policy: None,
            assumed: OnceCell::new(),
        }
    }

    /// The session may do no more than a policy allows, and does not last long.
    #[must_use]
    pub(crate) fn limited_to(mut self, session_policy: String) -> Self {
        self.session_policy = Some(session_policy);
        self
    }

    /// The pipeline's role, and the action's if it is another one.
    pub(crate) fn chain(&self) -> Vec<String> {
        std::iter::once(&self.pipeline_role).chain(&self.action_role).cloned().collect()
    }

    /// A client that acts as the role. Errors: `AccessDeniedException` with CodePipeline's wording if the role does not
    /// admit its caller, what STS answers otherwise.
    pub(crate) async fn client(&self) -> Result<&Client, Error> {
        self.assumed.get_or_try_init(|| self.assume()).await
    }

    /// Credentials of a new session, to be handed out. Errors: as `client`.
    pub(crate) async fn credentials(&self) -> Result<Credentials, Error> {
        let limits = self.session_policy.as_deref();
        match &self.action_role {
            Some(role) => {
                let session = self.session(&self.service, "CodePipeline", &self.pipeline_role, None).await?;
                let pipeline = self.acting_as(&self.service, session);
                self.session(&pipeline, &self.pipeline_role, role, limits).await
            }
            None => self.session(&self.service, "CodePipeline", &self.pipeline_role, limits).await,
        }
    }

    async fn assume(&self) -> Result<Client, Error> {
        Ok(self.acting_as(&self.service, self.credentials().await?))
    }

    fn acting_as(&self, client: &Client, credentials: Credentials) -> Client {
        client.with_credentials(credentials, self.scope.region.clone()).invoked_by(PRINCIPAL)
    }

    async fn session(
        &self,
        client: &Client,
        who: &str,
        role: &str,
        session_policy: Option<&str>,
    ) -> Result<Credentials, Error> {
        let input = AssumeRole {
            role_arn: role.to_owned(),
            role_session_name: self.session_name.clone(),
            policy: session_policy.map(str::to_owned),
            duration_seconds: session_policy.map(|_| LIMITED_SECONDS),
            ..AssumeRole::default()
        };
        let answer = client.call(input).await.map_err(|error| match &*error.code {
            "AccessDenied" | "AccessDeniedException" | "NoSuchEntity" => {
                Error::access_denied(format!("{who} is not authorized to perform AssumeRole on role {role}"))
            }
            _ => error,
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
}
