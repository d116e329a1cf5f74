//! GetCallerIdentity. Source: AWS STS API Reference.

use aws::{Ctx, Principal};
use sts_model::{GetCallerIdentity, GetCallerIdentityOutput};

use crate::error::Error;
use crate::iam::Iam;

/// Needs no permission. Errors: AccessDenied for callers without an identity in an account.
pub async fn get_caller_identity(
    _iam: &Iam,
    ctx: &Ctx,
    _input: GetCallerIdentity,
) -> Result<GetCallerIdentityOutput, Error> {
    let principal = &ctx.caller.principal;
    let account = match principal {
        Principal::Anonymous | Principal::Service { .. } => {
            return Err(Error::AccessDenied("The caller has no identity in an account.".to_owned()));
        }
        Principal::Root { account }
        | Principal::User { account, .. }
        | Principal::AssumedRole { account, .. }
        | Principal::FederatedUser { account, .. } => account,
    };
    Ok(GetCallerIdentityOutput {
        user_id: Some(principal.user_id()),
        account: Some(account.to_string()),
        arn: Some(principal.arn()),
    })
}
