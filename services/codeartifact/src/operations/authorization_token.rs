use aws::{Access, Ctx, Principal};
use codeartifact_model::{GetAuthorizationToken, GetAuthorizationTokenOutput};

use crate::CodeArtifact;
use crate::access;
use crate::error::Error;
use crate::names::DomainName;
use crate::packages::find_domain;
use crate::tokens::{self, Claims};

/// On the domain; and the caller's own policies must let it have tokens of CodeArtifact at all.
/// Source: CodeArtifact User Guide, "AWS CodeArtifact authentication and tokens".
pub(super) async fn access(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: &GetAuthorizationToken,
) -> Result<Vec<Access>, Error> {
    let own = access::to_domain(ca, ctx, &input.domain, input.domain_owner.as_ref()).await?;
    let duration = input.duration_seconds.unwrap_or(tokens::LONGEST);
    let bearer = Access::any()
        .action("sts:GetServiceBearerToken")
        .when("sts:AWSServiceName", "codeartifact.amazonaws.com")
        .when("sts:DurationSeconds", duration.to_string());
    Ok(vec![own, bearer])
}

/// A token with which package managers act as the caller.
/// Errors: `NotFound`, `Validation`, `AccessDenied`. Source: CodeArtifact API Reference, GetAuthorizationToken.
pub(super) async fn get_authorization_token(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: GetAuthorizationToken,
) -> Result<GetAuthorizationTokenOutput, Error> {
    if matches!(ctx.caller.principal, Principal::Root { .. }) {
        let message = "Tokens are not for the account's root user: call as an IAM user or with a role.";
        return Err(Error::AccessDenied(message.to_owned()));
    }
    let Some(access_key_id) = ctx.caller.access_key_id.clone() else {
        let message = "Tokens are only for callers with an access key.";
        return Err(Error::AccessDenied(message.to_owned()));
    };
    let session = ctx.caller.session.as_ref().map(|session| session.expires_at);
    let expires = tokens::expiry(input.duration_seconds, session, ctx.now())?;
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let domain = name.arn().to_string();
    ca.store.read(move |tx| find_domain(tx, &name)).await?;
    let token = Claims { access_key_id, domain, expires }.seal(&ca.sealer)?;
    Ok(GetAuthorizationTokenOutput { authorization_token: Some(token), expiration: Some(expires) })
}
