//! Instance profiles: a role under a name that machines are given. Source: IAM API Reference.

use aws::{AccountId, Ctx};
use iam_model as model;
use store::{Range, ReadTx, Versioned};

use super::{Answer, describe, second};
use crate::error::Error;
use crate::iam::Iam;
use crate::ids::{Prefix, new_id};
use crate::limits;
use crate::page::{Wanted, marker};
use crate::records::{Entity, InstanceProfile, Role, named, of_account};
use crate::tags;

/// Errors: EntityAlreadyExists, LimitExceeded, InvalidInput.
pub async fn create_instance_profile(
    iam: &Iam,
    ctx: &Ctx,
    input: model::CreateInstanceProfile,
) -> Answer<model::CreateInstanceProfileOutput> {
    let profile = InstanceProfile {
        account: ctx.scope.account.clone(),
        name: input.instance_profile_name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        id: new_id(Prefix::InstanceProfile),
        created_at: second(ctx),
        role: None,
        tags: tags::checked(input.tags.as_deref().unwrap_or_default())?,
    };
    let instance_profile = iam
        .change(move |tx| {
            if tx.exists::<InstanceProfile>(&named(&profile.account, &profile.name))? {
                return Err(Error::AlreadyExists { noun: "Instance Profile", name: profile.name.clone() });
            }
            let present = tx.count::<InstanceProfile>(of_account(&profile.account))?;
            limits::room_for_one("InstanceProfilesPerAccount", present, limits::INSTANCE_PROFILES)?;
            tx.put(&profile)?;
            describe::instance_profile(tx, &profile)
        })
        .await?;
    Ok(model::CreateInstanceProfileOutput { instance_profile })
}

/// Errors: NoSuchEntity.
pub async fn get_instance_profile(
    iam: &Iam,
    ctx: &Ctx,
    input: model::GetInstanceProfile,
) -> Answer<model::GetInstanceProfileOutput> {
    let account = ctx.scope.account.clone();
    let instance_profile = iam
        .store
        .read(move |tx| {
            let profile = load(tx, &account, &input.instance_profile_name)?;
            describe::instance_profile(tx, &profile)
        })
        .await?;
    Ok(model::GetInstanceProfileOutput { instance_profile })
}

pub async fn list_instance_profiles(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListInstanceProfiles,
) -> Answer<model::ListInstanceProfilesOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let prefix = input.path_prefix.unwrap_or_default();
    let (instance_profiles, next) = iam
        .store
        .read(move |tx| {
            let keep = |profile: &InstanceProfile| profile.path.starts_with(prefix.as_str());
            let (profiles, next) = wanted.scan(tx, &of_account(&account), keep)?;
            Ok::<_, Error>((describe_all(tx, &profiles)?, next))
        })
        .await?;
    Ok(model::ListInstanceProfilesOutput {
        instance_profiles,
        is_truncated: Some(next.is_some()),
        marker: marker(ctx, next),
    })
}

/// Errors: NoSuchEntity.
pub async fn list_instance_profiles_for_role(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListInstanceProfilesForRole,
) -> Answer<model::ListInstanceProfilesForRoleOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let profiles = iam
        .store
        .read(move |tx| {
            let role = Role::load(tx, &account, &input.role_name)?;
            let profiles = of_role(tx, &role)?;
            describe_all(tx, &profiles)
        })
        .await?;
    let page = wanted.cut(ctx, profiles, |profile| profile.instance_profile_name.to_lowercase());
    Ok(model::ListInstanceProfilesForRoleOutput {
        is_truncated: Some(page.is_truncated()),
        instance_profiles: page.items,
        marker: page.marker,
    })
}

/// Errors: NoSuchEntity, DeleteConflict while it holds a role.
pub async fn delete_instance_profile(
    iam: &Iam,
    ctx: &Ctx,
    input: model::DeleteInstanceProfile,
) -> Answer<model::DeleteInstanceProfileOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let profile = load(tx, &account, &input.instance_profile_name)?;
        if profile.role.is_some() {
            return Err(Error::DeleteConflict("remove roles from instance profile"));
        }
        tx.delete::<InstanceProfile>(&named(&account, &input.instance_profile_name))?;
        Ok(())
    })
    .await?;
    Ok(model::DeleteInstanceProfileOutput::default())
}

/// Errors: NoSuchEntity, LimitExceeded: a profile holds one role.
pub async fn add_role_to_instance_profile(
    iam: &Iam,
    ctx: &Ctx,
    input: model::AddRoleToInstanceProfile,
) -> Answer<model::AddRoleToInstanceProfileOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut profile = load(tx, &account, &input.instance_profile_name)?;
        let role = Role::load(tx, &account, &input.role_name)?;
        let present = u64::from(profile.role.is_some());
        limits::room_for_one("InstanceSessionsPerInstanceProfile", present, 1)?;
        profile.role = Some(role.name.clone());
        tx.put(&profile.record)?;
        Ok(())
    })
    .await?;
    Ok(model::AddRoleToInstanceProfileOutput::default())
}

/// Errors: NoSuchEntity, also when the role is not in it.
pub async fn remove_role_from_instance_profile(
    iam: &Iam,
    ctx: &Ctx,
    input: model::RemoveRoleFromInstanceProfile,
) -> Answer<model::RemoveRoleFromInstanceProfileOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut profile = load(tx, &account, &input.instance_profile_name)?;
        let holds =
            profile.role.as_ref().is_some_and(|role| role.to_lowercase() == input.role_name.to_lowercase());
        if !holds {
            return Err(Error::NoSuchNamed { noun: Role::NOUN, name: input.role_name.clone() });
        }
        profile.role = None;
        tx.put(&profile.record)?;
        Ok(())
    })
    .await?;
    Ok(model::RemoveRoleFromInstanceProfileOutput::default())
}

/// Errors: NoSuchEntity.
pub fn load(
    tx: &mut ReadTx<'_>,
    account: &AccountId,
    name: &str,
) -> Result<Versioned<InstanceProfile>, Error> {
    let found = tx.get(&named(account, name))?;
    found.ok_or_else(|| Error::NoSuchEntity(format!("Instance Profile {name} cannot be found.")))
}

/// The profiles that hold a role.
pub fn of_role(tx: &mut ReadTx<'_>, role: &Role) -> Result<Vec<InstanceProfile>, Error> {
    let range = Range::prefix(named(&role.account, &role.name));
    let page =
        tx.scan_index::<InstanceProfile>(InstanceProfile::BY_ROLE, range, limits::INSTANCE_PROFILES)?;
    Ok(page.into_records())
}

pub fn describe_all(
    tx: &mut ReadTx<'_>,
    profiles: &[InstanceProfile],
) -> Result<Vec<model::InstanceProfile>, Error> {
    profiles.iter().map(|profile| describe::instance_profile(tx, profile)).collect()
}
