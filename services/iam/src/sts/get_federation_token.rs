//! GetFederationToken. Source: AWS STS API Reference.

use aws::{Access, Ctx, Principal, Session};
use sts_model::{FederatedUser, GetFederationToken, GetFederationTokenOutput};

use super::credentials::{NewSession, issue, lifetime};
use super::session_policy::carried;
use crate::error::Error;
use crate::iam::Iam;

const DEFAULT_SECONDS: i32 = 43_200;

pub fn access(input: &GetFederationToken, scope: &aws::Scope) -> Vec<Access> {
    let arn = format!("arn:aws:sts::{}:federated-user/{}", scope.account, input.name);
    let tags = input.tags.as_deref().unwrap_or_default();
    let access =
        Access::to(arn).with_request_tags(tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())));
    let mut accesses = vec![access.clone()];
    if !tags.is_empty() {
        accesses.push(access.action("sts:TagSession"));
    }
    accesses
}

/// Credentials for somebody whom the calling user vouches for; they may do what both the user's policies and the
/// passed ones allow. Errors: AccessDenied for callers other than users with long-term keys, MalformedPolicyDocument,
/// ValidationError, PackedPolicyTooLarge.
pub async fn get_federation_token(
    iam: &Iam,
    ctx: &Ctx,
    input: GetFederationToken,
) -> Result<GetFederationTokenOutput, Error> {
    let (account, user_id) = match &ctx.caller.principal {
        Principal::User { account, id, .. } if ctx.caller.session.is_none() => (account.clone(), id.clone()),
        _ => {
            let text = "Cannot call GetFederationToken with session credentials";
            return Err(Error::AccessDenied(text.to_owned()));
        }
    };
    let carried = carried(iam, input.policy, input.policy_arns, input.tags).await?;
    let (issued_at, expires_at) = lifetime(ctx, input.duration_seconds.unwrap_or(DEFAULT_SECONDS));
    let principal = Principal::FederatedUser { account, name: input.name };
    let user = FederatedUser { federated_user_id: principal.user_id(), arn: principal.arn() };
    let session = Session {
        policies: carried.policies,
        managed_policy_arns: carried.managed_policy_arns,
        tags: carried.tags,
        transitive_tag_keys: Vec::new(),
        source_identity: None,
        issued_at,
        expires_at,
        chained: false,
    };
    let credentials =
        issue(iam, ctx, NewSession { principal, session, federating_user_id: Some(user_id) }).await?;
    Ok(GetFederationTokenOutput {
        credentials: Some(credentials),
        federated_user: Some(user),
        packed_policy_size: carried.packed_size,
    })
}
