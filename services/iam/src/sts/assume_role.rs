//! AssumeRole. Source: AWS STS API Reference; IAM User Guide, "Passing session tags in AWS STS", "Roles terms and
//! concepts" (role chaining).

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::{Access, AccountId, Arn, Ctx, Principal, Session};
use sts_model::{AssumeRole, AssumeRoleOutput, AssumedRoleUser};

use super::credentials::{NewSession, issue, lifetime};
use super::session_policy::{Carried, carried};
use crate::error::Error;
use crate::iam::Iam;
use crate::records::{Entity, Role, named};

const DEFAULT_SECONDS: i32 = 3_600;
/// The longest session of a role that was assumed with temporary credentials.
const CHAINED_SECONDS: i32 = 3_600;

/// What the policies are asked: the trust policy of the role and, depending on how it names the caller, the caller's
/// own. Tags and a source identity ask for more. A role that does not exist is refused like one that trusts nobody.
pub async fn access(iam: &Iam, ctx: &Ctx, input: &AssumeRole) -> Result<Vec<Access>, Error> {
    if let Principal::Root { .. } = ctx.caller.principal {
        return Err(Error::AccessDenied("Roles may not be assumed by root accounts.".to_owned()));
    }
    let mut access = Access::to(&input.role_arn);
    if let Some(role) = find(iam, &input.role_arn).await? {
        access.resource_policy = Some(Arc::from(role.trust_policy.with_ids()));
        access.resource_account = Some(role.account.to_string());
        access =
            access.with_resource_tags(role.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())));
    }
    access = access.when("sts:RoleSessionName", input.role_session_name.as_str());
    if let Some(external_id) = &input.external_id {
        access = access.when("sts:ExternalId", external_id.as_str());
    }
    if let Some(source_identity) = &input.source_identity {
        access = access.when("sts:SourceIdentity", source_identity.as_str());
    }
    let tags = input.tags.as_deref().unwrap_or_default();
    access = access.with_request_tags(tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())));
    if let Some(keys) = &input.transitive_tag_keys {
        access.context.push(("sts:TransitiveTagKeys".to_owned(), keys.clone()));
    }
    let mut accesses = vec![access.clone().action("sts:AssumeRole")];
    if !tags.is_empty() {
        accesses.push(access.clone().action("sts:TagSession"));
    }
    if input.source_identity.is_some() {
        accesses.push(access.action("sts:SetSourceIdentity"));
    }
    Ok(accesses)
}

/// Errors: AccessDenied, ValidationError, MalformedPolicyDocument, PackedPolicyTooLarge.
pub async fn assume_role(iam: &Iam, ctx: &Ctx, input: AssumeRole) -> Result<AssumeRoleOutput, Error> {
    if input.serial_number.is_some() || input.token_code.is_some() {
        let text = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
        return Err(Error::AccessDenied(text.to_owned()));
    }
    let invalid = || Error::Validation(format!("{} is invalid", input.role_arn));
    let role = find(iam, &input.role_arn).await?.ok_or_else(invalid)?;
    let seconds = session_seconds(ctx, &role, input.duration_seconds)?;
    let source_identity = source_identity(ctx, input.source_identity)?;
    let mut carried = carried(iam, input.policy, input.policy_arns, input.tags).await?;
    let transitive = inherit_tags(ctx, &mut carried, input.transitive_tag_keys.unwrap_or_default())?;
    let principal = Principal::AssumedRole {
        account: role.account.clone(),
        role_path: role.path.clone(),
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        session_name: input.role_session_name,
    };
    let (issued_at, expires_at) = lifetime(ctx, seconds);
    let session = Session {
        policies: carried.policies,
        managed_policy_arns: carried.managed_policy_arns,
        tags: carried.tags,
        transitive_tag_keys: transitive,
        source_identity: source_identity.clone(),
        issued_at,
        expires_at,
        chained: ctx.caller.session.is_some(),
    };
    let user = AssumedRoleUser { assumed_role_id: principal.user_id(), arn: principal.arn() };
    let credentials = issue(iam, ctx, NewSession { principal, session, federating_user_id: None }).await?;
    Ok(AssumeRoleOutput {
        credentials: Some(credentials),
        assumed_role_user: Some(user),
        packed_policy_size: carried.packed_size,
        source_identity,
    })
}

/// The role of this ARN, path included.
async fn find(iam: &Iam, arn: &str) -> Result<Option<Role>, Error> {
    let invalid = || Error::Validation(format!("{arn} is invalid"));
    let parsed: Arn = arn.parse().map_err(|_| invalid())?;
    let account: AccountId = parsed.account.parse().map_err(|_| invalid())?;
    let is_role = parsed.service == "iam" && parsed.region.is_empty();
    let path = parsed.resource.strip_prefix("role/").filter(|_| is_role).ok_or_else(invalid)?;
    let key = named(&account, path.rsplit('/').next().unwrap_or(path));
    let found = iam.store.read(move |tx| Ok::<_, Error>(tx.get::<Role>(&key)?)).await?;
    Ok(found.map(store::Versioned::into_inner).filter(|role| role.arn() == arn))
}

fn session_seconds(ctx: &Ctx, role: &Role, asked: Option<i32>) -> Result<i32, Error> {
    let seconds = asked.unwrap_or(DEFAULT_SECONDS);
    if ctx.caller.session.is_some() && seconds > CHAINED_SECONDS {
        let text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
        return Err(Error::Validation(text.to_owned()));
    }
    if seconds > role.max_session_seconds {
        let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(Error::Validation(text.to_owned()));
    }
    Ok(seconds)
}

/// A source identity, once set, stays through a chain of roles.
fn source_identity(ctx: &Ctx, asked: Option<String>) -> Result<Option<String>, Error> {
    let inherited = ctx.caller.session.as_ref().and_then(|session| session.source_identity.clone());
    match (inherited, asked) {
        (Some(inherited), Some(asked)) if inherited != asked => {
            Err(Error::AccessDenied("Source identity cannot be changed by role chaining.".to_owned()))
        }
        (Some(inherited), _) => Ok(Some(inherited)),
        (None, asked) => Ok(asked),
    }
}

/// Takes over the transitive tags of the caller's session. Answers the keys that are transitive from here on.
fn inherit_tags(ctx: &Ctx, carried: &mut Carried, asked: Vec<String>) -> Result<Vec<String>, Error> {
    let none = BTreeMap::new();
    let (tags, inherited) = match &ctx.caller.session {
        Some(session) => (&session.tags, session.transitive_tag_keys.as_slice()),
        None => (&none, &[][..]),
    };
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    if let Some(key) = inherited.iter().find(|key| carried.tags.keys().any(|own| same(own, key))) {
        let text = format!(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from \
             the calling session: {key}"
        );
        return Err(Error::Validation(text));
    }
    if let Some(key) = asked.iter().find(|key| !carried.tags.keys().any(|own| same(own, key))) {
        return Err(Error::Validation(format!(
            "The specified transitive tag key {key} must be included in the tags."
        )));
    }
    for key in inherited {
        if let Some((key, value)) = tags.iter().find(|(own, _)| same(own, key)) {
            carried.tags.insert(key.clone(), value.clone());
        }
    }
    Ok(inherited.iter().cloned().chain(asked).collect())
}
