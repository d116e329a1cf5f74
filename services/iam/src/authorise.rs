//! The platform's authoriser: collects what a decision rests on and words the refusal.

pub mod context;
pub mod policies;

use std::sync::Arc;

use async_trait::async_trait;
use aws::{Access, Authoriser, Ctx, Principal, Protocol};

use crate::cache::{KnownSession, PrincipalPolicies};
use crate::error::Error;
use crate::iam::Iam;
use crate::policy::{
    self, Decision, Document, Identity, Kind, Policies, PolicyType, Request, ResourcePolicy,
};
use crate::sts::authorization_message;

/// Actions that a role's trust policy must allow, whatever else does.
const TRUST_ACTIONS: [&str; 3] = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];

#[async_trait]
impl Authoriser for Iam {
    async fn authorise(
        &self,
        ctx: &Ctx,
        service: &aws::Service,
        operation: &str,
        accesses: &[Access],
    ) -> Result<(), aws::Error> {
        refuse_session_tokens(ctx, service, operation)?;
        if accesses.is_empty() {
            return Ok(());
        }
        let basis = self.basis(ctx).await?;
        self.last_uses.note(ctx, service.prefix);
        for access in accesses {
            let own_action;
            let action = match &access.action {
                Some(action) => action,
                None => {
                    own_action = format!("{}:{operation}", service.prefix);
                    &own_action
                }
            };
            if let Decision::Deny(denial) = self.decide(ctx, &basis, action, access)? {
                let message = denial_message(ctx, service, &basis, &denial, action, access);
                let refusal = access_denied(service, message);
                return Err(
                    match authorization_message::encode(self, ctx, &basis, &denial, action, access) {
                        Some(encoded) => refusal.with_member("encodedMessage", encoded),
                        None => refusal,
                    },
                );
            }
        }
        Ok(())
    }
}

/// The caller and its policies.
pub(crate) struct Basis {
    pub identity: Identity,
    pub policies: Arc<PrincipalPolicies>,
    pub session: Option<Arc<KnownSession>>,
}

impl Iam {
    /// What all accesses of one call rest on.
    pub(crate) async fn basis(&self, ctx: &Ctx) -> Result<Basis, Error> {
        let session = match &ctx.caller.access_key_id {
            Some(id) => self.session(id).await?,
            None => None,
        };
        let federating_user =
            session.as_ref().and_then(|session| session.record.federating_user_id.as_deref());
        let owner = match &ctx.caller.principal {
            Principal::User { id, .. } => Some(id.as_str()),
            Principal::AssumedRole { role_id, .. } => Some(role_id.as_str()),
            Principal::FederatedUser { .. } => federating_user,
            Principal::Root { .. } | Principal::Service { .. } | Principal::Anonymous => None,
        };
        let policies = match owner {
            Some(id) => self.principal_policies(id).await?,
            None => Arc::default(),
        };
        Ok(Basis { identity: context::identity_of(&ctx.caller.principal), policies, session })
    }

    /// The decision on one access.
    pub(crate) fn decide(
        &self,
        ctx: &Ctx,
        basis: &Basis,
        action: &str,
        access: &Access,
    ) -> Result<Decision, Error> {
        let is_trust = needs_trust(action, &access.resource);
        let document = self.resource_document(access, is_trust)?;
        let keys = context::of_call(ctx, basis, action, access);
        let request = Request::new(&basis.identity, action, &access.resource, &keys);
        Ok(policy::evaluate(&request, &self.policies(basis, document.as_deref(), is_trust, access)))
    }

    fn policies<'a>(
        &self,
        basis: &'a Basis,
        document: Option<&'a Document>,
        is_trust: bool,
        access: &'a Access,
    ) -> Policies<'a> {
        let policy_type = if is_trust { PolicyType::RoleTrust } else { PolicyType::Resource };
        let session = basis.session.as_ref().and_then(|session| session.policies.as_deref());
        Policies {
            identity: &basis.policies.identity,
            boundary: basis.policies.boundary.as_deref(),
            session,
            resource: document.map(|document| ResourcePolicy { document, required: is_trust, policy_type }),
            resource_account: access.resource_account.as_deref(),
        }
    }

    /// The compiled policy of the resource. A role that does not exist trusts nobody.
    fn resource_document(&self, access: &Access, is_trust: bool) -> Result<Option<Arc<Document>>, Error> {
        let kind = if is_trust { Kind::Trust } else { Kind::Resource };
        match &access.resource_policy {
            Some(text) => Ok(Some(self.cache.document(kind, text)?)),
            None if is_trust => {
                let nobody = Document { version: policy::Version::V2012, id: None, statements: Vec::new() };
                Ok(Some(Arc::new(nobody)))
            }
            None => Ok(None),
        }
    }
}

/// A federated user is nobody's but the caller's: there is no policy that would let him be tagged.
fn needs_trust(action: &str, resource: &str) -> bool {
    let is_federation = action == "sts:TagSession" && resource.contains(":federated-user/");
    !is_federation && TRUST_ACTIONS.iter().any(|trust| trust.eq_ignore_ascii_case(action))
}

/// Credentials of GetSessionToken and GetFederationToken may not call IAM (there is no MFA here that would let the
/// former), and of STS only what tells who they are; the former may also assume roles.
/// Source: IAM User Guide, "Compare AWS STS credentials".
fn refuse_session_tokens(ctx: &Ctx, service: &aws::Service, operation: &str) -> Result<(), Error> {
    let of_sts: &[&str] = match &ctx.caller.principal {
        Principal::User { .. } | Principal::Root { .. } if ctx.caller.session.is_some() => {
            &["AssumeRole", "GetCallerIdentity"]
        }
        Principal::FederatedUser { .. } => &["GetCallerIdentity"],
        Principal::User { .. }
        | Principal::Root { .. }
        | Principal::AssumedRole { .. }
        | Principal::Service { .. }
        | Principal::Anonymous => return Ok(()),
    };
    match service.prefix {
        "iam" => Err(Error::InvalidClientToken("The security token included in the request is invalid")),
        "sts" if !of_sts.contains(&operation) => {
            Err(Error::AccessDenied(format!("Cannot call {operation} with session credentials")))
        }
        _ => Ok(()),
    }
}

/// S3 prints the resource in quotes, and tells strangers nothing.
/// Source: IAM User Guide and S3 User Guide, "Troubleshoot access denied errors".
fn denial_message(
    ctx: &Ctx,
    service: &aws::Service,
    basis: &Basis,
    denial: &policy::Denial,
    action: &str,
    access: &Access,
) -> String {
    let caller = ctx.caller.principal.arn();
    if service.prefix != "s3" {
        return denial.message(&caller, action, &access.resource);
    }
    let owner = access.resource_account.as_deref().unwrap_or(ctx.scope.account.as_str());
    if basis.identity.account() != Some(owner) {
        return "Access Denied".to_owned();
    }
    denial.message(&caller, action, &format!("\"{}\"", access.resource))
}

/// The code and status that clients of a protocol know.
fn access_denied(service: &aws::Service, message: String) -> aws::Error {
    match service.protocol {
        Protocol::Query if service.prefix == "sns" => {
            aws::Error::new("AuthorizationError", message).with_status(403)
        }
        Protocol::Json10 | Protocol::Json11 => aws::Error::access_denied(message),
        Protocol::RestJson => aws::Error::access_denied(message).with_status(403),
        Protocol::Query | Protocol::RestXml => aws::Error::new("AccessDenied", message).with_status(403),
    }
}
