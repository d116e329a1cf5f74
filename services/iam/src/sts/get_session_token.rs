//! GetSessionToken. Source: AWS STS API Reference.

use std::collections::BTreeMap;

use aws::{Ctx, Principal, Session};
use sts_model::{GetSessionToken, GetSessionTokenOutput};

use super::credentials::{NewSession, issue, lifetime};
use crate::error::Error;
use crate::iam::Iam;

const DEFAULT_SECONDS: i32 = 43_200;
/// The longest session of the account's root.
const ROOT_SECONDS: i32 = 3_600;

/// Temporary credentials for the user itself; needs no permission. Errors: AccessDenied for holders of temporary
/// credentials.
pub async fn get_session_token(
    iam: &Iam,
    ctx: &Ctx,
    input: GetSessionToken,
) -> Result<GetSessionTokenOutput, Error> {
    let seconds = match &ctx.caller.principal {
        Principal::User { .. } if ctx.caller.session.is_none() => {
            input.duration_seconds.unwrap_or(DEFAULT_SECONDS)
        }
        Principal::Root { .. } if ctx.caller.session.is_none() => {
            input.duration_seconds.unwrap_or(ROOT_SECONDS).min(ROOT_SECONDS)
        }
        _ => {
            return Err(Error::AccessDenied(
                "Cannot call GetSessionToken with session credentials".to_owned(),
            ));
        }
    };
    if input.serial_number.is_some() || input.token_code.is_some() {
        let text = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
        return Err(Error::AccessDenied(text.to_owned()));
    }
    let (issued_at, expires_at) = lifetime(ctx, seconds);
    let session = Session {
        policies: Vec::new(),
        managed_policy_arns: Vec::new(),
        tags: BTreeMap::new(),
        transitive_tag_keys: Vec::new(),
        source_identity: None,
        issued_at,
        expires_at,
        chained: false,
    };
    let new = NewSession { principal: ctx.caller.principal.clone(), session, federating_user_id: None };
    Ok(GetSessionTokenOutput { credentials: Some(issue(iam, ctx, new).await?) })
}
