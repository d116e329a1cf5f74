//! What the gateway asks of IAM and CloudTrail, so that no service depends on them.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::credentials::Secret;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::operation::Service;
use crate::principal::Caller;
use crate::timestamp::Timestamp;

/// Finds keys. Implemented by `iam`.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// `None` for an id that nobody has. The answer is not yet a proof: the signature is verified against
    /// the secret by whoever asks.
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, Error>;

    /// The user behind a git user name and password (a service-specific credential); `None` when wrong.
    async fn git_password(&self, user_name: &str, password: &Secret) -> Result<Option<Caller>, Error>;

    /// Whether signatures are not checked and any key is the account's administrator (`auth = "open"`).
    fn is_open(&self) -> bool {
        false
    }
}

/// One access key as the server knows it.
#[derive(Clone, Debug)]
pub struct AccessKey {
    pub secret: Secret,
    /// Set for temporary keys: the request must carry the same token.
    pub session_token: Option<Secret>,
    pub expires_at: Option<Timestamp>,
    pub active: bool,
    pub caller: Caller,
}

/// What the authoriser answers where a policy of the resource cannot be read.
const MALFORMED_POLICY: &str = "MalformedPolicyDocument";

/// Decides by policy. Implemented by `iam`.
#[async_trait]
pub trait Authoriser: Send + Sync {
    /// Every access must be allowed. Errors: the service's AccessDenied with AWS's wording.
    async fn authorise(
        &self,
        ctx: &Ctx,
        service: &Service,
        operation: &str,
        accesses: &[Access],
    ) -> Result<(), Error>;

    /// Whether a policy that is to be set on a resource can be read. One that cannot would fail every call on the resource,
    /// those that could mend it, too. Errors: `MalformedPolicyDocument`, with what is wrong with it.
    async fn check_resource_policy(
        &self,
        ctx: &Ctx,
        service: &Service,
        resource: &str,
        policy: &str,
    ) -> Result<(), Error> {
        let mut access = Access::to(resource).action(&format!("{}:*", service.prefix));
        access.resource_policy = Some(policy.into());
        match self.authorise(ctx, service, "CheckResourcePolicy", &[access]).await {
            Err(error) if error.code == MALFORMED_POLICY => Err(error),
            // Whatever it says of the caller, it was read.
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// One question to the policies: may the caller do this action on that resource?
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// `None`: the called operation's own action, for example `codebuild:StartBuild`.
    pub action: Option<String>,
    /// An ARN, or `*` where the action knows no resource.
    pub resource: String,
    /// Condition keys of the request beside the global ones, for example `iam:PassedToService`.
    pub context: Vec<(String, Vec<String>)>,
    /// The policy attached to the resource, where its kind has one.
    pub resource_policy: Option<Arc<str>>,
    /// The account that owns the resource; `None`: the account in its ARN, else that of the call.
    pub resource_account: Option<String>,
}

impl Access {
    pub fn to(resource: impl ToString) -> Self {
        Self { resource: resource.to_string(), ..Self::default() }
    }

    /// For actions that know no resource.
    pub fn any() -> Self {
        Self::to("*")
    }

    /// `iam:PassRole` on the role that a call hands to a service.
    pub fn pass_role(role_arn: &str, to_service: &str) -> Self {
        Self::to(role_arn).action("iam:PassRole").when("iam:PassedToService", to_service)
    }

    #[must_use]
    pub fn action(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    #[must_use]
    pub fn when(mut self, key: &str, value: impl Into<String>) -> Self {
        self.context.push((key.to_owned(), vec![value.into()]));
        self
    }

    /// Adds `aws:RequestTag/…` and `aws:TagKeys`.
    #[must_use]
    pub fn with_request_tags<'a>(mut self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut keys = Vec::new();
        for (key, value) in tags {
            self.context.push((format!("aws:RequestTag/{key}"), vec![value.to_owned()]));
            keys.push(key.to_owned());
        }
        if !keys.is_empty() {
            self.context.push(("aws:TagKeys".to_owned(), keys));
        }
        self
    }

    #[must_use]
    pub fn with_resource_tags<'a>(mut self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        for (key, value) in tags {
            self.context.push((format!("aws:ResourceTag/{key}"), vec![value.to_owned()]));
        }
        self
    }
}

/// Keeps the record of calls. Implemented by `cloudtrail`.
#[async_trait]
pub trait Auditor: Send + Sync {
    /// Durable before it returns when the call changes something; soon after otherwise.
    async fn record(&self, record: AuditRecord) -> Result<(), Error>;
}

/// One call, refused ones included.
#[derive(Clone)]
pub struct AuditRecord {
    pub ctx: Ctx,
    /// As the answer shows it.
    pub request_id: String,
    /// `codepipeline.amazonaws.com`
    pub event_source: String,
    pub event_name: String,
    pub read_only: bool,
    /// Sensitive members are redacted; null for requests that are too large to be recorded.
    pub request_parameters: Value,
    /// Only of calls whose answer is recorded.
    pub response_elements: Value,
    /// ARNs the call was authorised on.
    pub resources: Vec<String>,
    pub error: Option<Error>,
}
