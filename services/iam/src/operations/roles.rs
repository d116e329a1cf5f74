//! Roles and their trust policies. Source: IAM API Reference.

use std::collections::BTreeMap;

use aws::{AccountId, Arn, Ctx};
use iam_model as model;
use store::{Key, Range, ReadTx, WriteTx};

use super::boundaries::check_boundary;
use super::{Answer, describe, second};
use crate::error::Error;
use crate::iam::Iam;
use crate::ids::{Prefix, new_id};
use crate::limits;
use crate::page::{Wanted, marker};
use crate::policy::{Document, Kind, MalformedPolicyDocument, PrincipalPattern};
use crate::records::{Entity, InstanceProfile, Policies, Role, TrustPolicy, User, named, of_account};
use crate::tags;

const DEFAULT_SESSION_SECONDS: i32 = 3_600;

/// Errors: EntityAlreadyExists, LimitExceeded, MalformedPolicyDocument, NoSuchEntity (the boundary), InvalidInput.
pub async fn create_role(iam: &Iam, ctx: &Ctx, input: model::CreateRole) -> Answer<model::CreateRoleOutput> {
    let document = parse_trust_policy(&input.assume_role_policy_document)?;
    let role = Role {
        account: ctx.scope.account.clone(),
        name: input.role_name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        id: new_id(Prefix::Role),
        created_at: second(ctx),
        description: input.description,
        max_session_seconds: input.max_session_duration.unwrap_or(DEFAULT_SESSION_SECONDS),
        trust_policy: TrustPolicy {
            document: input.assume_role_policy_document,
            principal_ids: BTreeMap::new(),
        },
        policies: Policies { boundary: input.permissions_boundary, ..Policies::default() },
        tags: tags::checked(input.tags.as_deref().unwrap_or_default())?,
        last_used: None,
    };
    let role = iam
        .change(move |tx| {
            if tx.exists::<Role>(&named(&role.account, &role.name))? {
                return Err(Error::AlreadyExists { noun: "Role", name: role.name.clone() });
            }
            let present = tx.count::<Role>(of_account(&role.account))?;
            limits::room_for_one("RolesPerAccount", present, limits::ROLES)?;
            check_boundary(tx, role.policies.boundary.as_deref())?;
            let mut role = role.clone();
            role.trust_policy.principal_ids = principal_ids(tx, &document)?;
            tx.put(&role)?;
            describe::role(tx, &role)
        })
        .await?;
    // The answer to a creation says nothing of use.
    Ok(model::CreateRoleOutput { role: model::Role { role_last_used: None, ..role } })
}

/// Errors: NoSuchEntity.
pub async fn get_role(iam: &Iam, ctx: &Ctx, input: model::GetRole) -> Answer<model::GetRoleOutput> {
    let account = ctx.scope.account.clone();
    let role = iam
        .store
        .read(move |tx| {
            let role = Role::load(tx, &account, &input.role_name)?;
            describe::role(tx, &role)
        })
        .await?;
    Ok(model::GetRoleOutput { role })
}

pub async fn list_roles(iam: &Iam, ctx: &Ctx, input: model::ListRoles) -> Answer<model::ListRolesOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let prefix = input.path_prefix.unwrap_or_default();
    let (roles, next) = iam
        .store
        .read(move |tx| {
            let keep = |role: &Role| role.path.starts_with(prefix.as_str());
            let (roles, next) = wanted.scan(tx, &of_account(&account), keep)?;
            let roles: Result<Vec<_>, Error> =
                roles.iter().map(|role| describe::listed_role(tx, role)).collect();
            Ok::<_, Error>((roles?, next))
        })
        .await?;
    Ok(model::ListRolesOutput { roles, is_truncated: Some(next.is_some()), marker: marker(ctx, next) })
}

/// Sets what is given; what is left out stays. Errors: NoSuchEntity.
pub async fn update_role(iam: &Iam, ctx: &Ctx, input: model::UpdateRole) -> Answer<model::UpdateRoleOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut role = Role::load(tx, &account, &input.role_name)?;
        if let Some(description) = &input.description {
            role.description = Some(description.clone());
        }
        if let Some(seconds) = input.max_session_duration {
            role.max_session_seconds = seconds;
        }
        tx.put(&role.record)?;
        Ok(())
    })
    .await?;
    Ok(model::UpdateRoleOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn update_role_description(
    iam: &Iam,
    ctx: &Ctx,
    input: model::UpdateRoleDescription,
) -> Answer<model::UpdateRoleDescriptionOutput> {
    let account = ctx.scope.account.clone();
    let role = iam
        .change(move |tx| {
            let mut role = Role::load(tx, &account, &input.role_name)?;
            role.description = Some(input.description.clone());
            tx.put(&role.record)?;
            describe::role(tx, &role)
        })
        .await?;
    Ok(model::UpdateRoleDescriptionOutput { role: Some(role) })
}

/// Replaces the trust policy. Errors: NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
pub async fn update_assume_role_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::UpdateAssumeRolePolicy,
) -> Answer<model::UpdateAssumeRolePolicyOutput> {
    let document = parse_trust_policy(&input.policy_document)?;
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut role = Role::load(tx, &account, &input.role_name)?;
        let principal_ids = principal_ids(tx, &document)?;
        role.trust_policy = TrustPolicy { document: input.policy_document.clone(), principal_ids };
        tx.put(&role.record)?;
        Ok(())
    })
    .await?;
    Ok(model::UpdateAssumeRolePolicyOutput::default())
}

/// Errors: NoSuchEntity, DeleteConflict while instance profiles or policies are left.
pub async fn delete_role(iam: &Iam, ctx: &Ctx, input: model::DeleteRole) -> Answer<model::DeleteRoleOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let role = Role::load(tx, &account, &input.role_name)?;
        if let Some(what) = in_the_way(tx, &account, &role)? {
            return Err(Error::DeleteConflict(what));
        }
        tx.delete::<Role>(&named(&account, &input.role_name))?;
        Ok(())
    })
    .await?;
    Ok(model::DeleteRoleOutput::default())
}

fn in_the_way(tx: &mut WriteTx<'_>, account: &AccountId, role: &Role) -> Result<Option<&'static str>, Error> {
    let profiles = Range::prefix(named(account, &role.name));
    Ok(if tx.count_index::<InstanceProfile>(InstanceProfile::BY_ROLE, profiles)? > 0 {
        Some("remove roles from instance profile")
    } else if !role.policies.attached.is_empty() {
        Some("detach all policies")
    } else if !role.policies.inline.is_empty() {
        Some("delete policies")
    } else {
        None
    })
}

fn parse_trust_policy(text: &str) -> Result<Document, Error> {
    if limits::policy_size(text) > limits::TRUST_POLICY_SIZE {
        return Err(Error::Quota { quota: "ACLSizePerRole", limit: limits::TRUST_POLICY_SIZE });
    }
    Ok(Document::parse(text, Kind::Trust)?)
}

/// The ids of the users and roles that a document names. Errors: MalformedPolicyDocument for one that does not exist.
fn principal_ids(tx: &mut ReadTx<'_>, document: &Document) -> Result<BTreeMap<String, String>, Error> {
    let patterns = document.statements.iter().filter_map(|statement| statement.principals.as_ref());
    let mut ids = BTreeMap::new();
    for pattern in patterns.flat_map(|principals| &principals.patterns) {
        if let PrincipalPattern::Entity(arn) = pattern {
            let id = entity_id(tx, arn)?.ok_or_else(|| {
                MalformedPolicyDocument(format!("Invalid principal in policy: \"AWS\":\"{arn}\""))
            })?;
            ids.insert(arn.clone(), id);
        }
    }
    Ok(ids)
}

/// The unique id of the user or role that has this ARN now.
fn entity_id(tx: &mut ReadTx<'_>, arn: &str) -> Result<Option<String>, Error> {
    let Ok(parsed) = arn.parse::<Arn>() else { return Ok(None) };
    let Ok(account) = parsed.account.parse::<AccountId>() else { return Ok(None) };
    let Some((kind, name)) = parsed.resource.split_once('/') else { return Ok(None) };
    let key: Key = named(&account, name.rsplit('/').next().unwrap_or(name));
    let found = match kind {
        "user" => tx.get::<User>(&key)?.map(|user| (user.arn(), user.id.clone())),
        "role" => tx.get::<Role>(&key)?.map(|role| (role.arn(), role.id.clone())),
        _ => None,
    };
    Ok(found.filter(|(own, _)| own == arn).map(|(_, id)| id))
}
