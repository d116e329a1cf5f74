//! Tags of users, roles, policies and instance profiles. Source: IAM API Reference.

use aws::Ctx;
use iam_model as model;

use super::Answer;
use super::attachments::check_arn;
use super::instance_profiles;
use super::policies::{any_policy, own_policy};
use crate::iam::Iam;
use crate::page::{Page, Wanted};
use crate::records::{Entity, Role, Tag, User};
use crate::tags;

/// Errors: NoSuchEntity, InvalidInput, LimitExceeded.
pub async fn tag_user(iam: &Iam, ctx: &Ctx, input: model::TagUser) -> Answer<model::TagUserOutput> {
    let (account, new) = (ctx.scope.account.clone(), tags::checked(&input.tags)?);
    iam.change(move |tx| {
        let mut user = User::load(tx, &account, &input.user_name)?;
        tags::add(&mut user.tags, &new, "TagsPerUser")?;
        tx.put(&user.record)?;
        Ok(())
    })
    .await?;
    Ok(model::TagUserOutput::default())
}

/// Errors: NoSuchEntity, InvalidInput, LimitExceeded.
pub async fn tag_role(iam: &Iam, ctx: &Ctx, input: model::TagRole) -> Answer<model::TagRoleOutput> {
    let (account, new) = (ctx.scope.account.clone(), tags::checked(&input.tags)?);
    iam.change(move |tx| {
        let mut role = Role::load(tx, &account, &input.role_name)?;
        tags::add(&mut role.tags, &new, "TagsPerRole")?;
        tx.put(&role.record)?;
        Ok(())
    })
    .await?;
    Ok(model::TagRoleOutput::default())
}

/// Errors: NoSuchEntity, InvalidInput, LimitExceeded, AccessDenied for AWS's policies.
pub async fn tag_policy(iam: &Iam, _ctx: &Ctx, input: model::TagPolicy) -> Answer<model::TagPolicyOutput> {
    check_arn(&input.policy_arn)?;
    let new = tags::checked(&input.tags)?;
    iam.change(move |tx| {
        let mut policy = own_policy(tx, &input.policy_arn)?;
        tags::add(&mut policy.tags, &new, "TagsPerPolicy")?;
        tx.put(&policy.record)?;
        Ok(())
    })
    .await?;
    Ok(model::TagPolicyOutput::default())
}

/// Errors: NoSuchEntity, InvalidInput, LimitExceeded.
pub async fn tag_instance_profile(
    iam: &Iam,
    ctx: &Ctx,
    input: model::TagInstanceProfile,
) -> Answer<model::TagInstanceProfileOutput> {
    let (account, new) = (ctx.scope.account.clone(), tags::checked(&input.tags)?);
    iam.change(move |tx| {
        let mut profile = instance_profiles::load(tx, &account, &input.instance_profile_name)?;
        tags::add(&mut profile.tags, &new, "TagsPerInstanceProfile")?;
        tx.put(&profile.record)?;
        Ok(())
    })
    .await?;
    Ok(model::TagInstanceProfileOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn untag_user(iam: &Iam, ctx: &Ctx, input: model::UntagUser) -> Answer<model::UntagUserOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut user = User::load(tx, &account, &input.user_name)?;
        tags::remove(&mut user.tags, &input.tag_keys);
        tx.put(&user.record)?;
        Ok(())
    })
    .await?;
    Ok(model::UntagUserOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn untag_role(iam: &Iam, ctx: &Ctx, input: model::UntagRole) -> Answer<model::UntagRoleOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut role = Role::load(tx, &account, &input.role_name)?;
        tags::remove(&mut role.tags, &input.tag_keys);
        tx.put(&role.record)?;
        Ok(())
    })
    .await?;
    Ok(model::UntagRoleOutput::default())
}

/// Errors: NoSuchEntity, InvalidInput, AccessDenied for AWS's policies.
pub async fn untag_policy(
    iam: &Iam,
    _ctx: &Ctx,
    input: model::UntagPolicy,
) -> Answer<model::UntagPolicyOutput> {
    check_arn(&input.policy_arn)?;
    iam.change(move |tx| {
        let mut policy = own_policy(tx, &input.policy_arn)?;
        tags::remove(&mut policy.tags, &input.tag_keys);
        tx.put(&policy.record)?;
        Ok(())
    })
    .await?;
    Ok(model::UntagPolicyOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn untag_instance_profile(
    iam: &Iam,
    ctx: &Ctx,
    input: model::UntagInstanceProfile,
) -> Answer<model::UntagInstanceProfileOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut profile = instance_profiles::load(tx, &account, &input.instance_profile_name)?;
        tags::remove(&mut profile.tags, &input.tag_keys);
        tx.put(&profile.record)?;
        Ok(())
    })
    .await?;
    Ok(model::UntagInstanceProfileOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn list_user_tags(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListUserTags,
) -> Answer<model::ListUserTagsOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let user = iam.store.read(move |tx| User::load(tx, &account, &input.user_name)).await?;
    let page = page_of(ctx, wanted, &user.tags);
    Ok(model::ListUserTagsOutput {
        is_truncated: Some(page.is_truncated()),
        tags: page.items,
        marker: page.marker,
    })
}

/// Errors: NoSuchEntity.
pub async fn list_role_tags(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListRoleTags,
) -> Answer<model::ListRoleTagsOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let role = iam.store.read(move |tx| Role::load(tx, &account, &input.role_name)).await?;
    let page = page_of(ctx, wanted, &role.tags);
    Ok(model::ListRoleTagsOutput {
        is_truncated: Some(page.is_truncated()),
        tags: page.items,
        marker: page.marker,
    })
}

/// Errors: NoSuchEntity, InvalidInput.
pub async fn list_policy_tags(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListPolicyTags,
) -> Answer<model::ListPolicyTagsOutput> {
    check_arn(&input.policy_arn)?;
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let policy = iam.store.read(move |tx| any_policy(tx, &input.policy_arn)).await?;
    let page = page_of(ctx, wanted, policy.tags());
    Ok(model::ListPolicyTagsOutput {
        is_truncated: Some(page.is_truncated()),
        tags: page.items,
        marker: page.marker,
    })
}

/// Errors: NoSuchEntity.
pub async fn list_instance_profile_tags(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListInstanceProfileTags,
) -> Answer<model::ListInstanceProfileTagsOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let name = input.instance_profile_name;
    let profile = iam.store.read(move |tx| instance_profiles::load(tx, &account, &name)).await?;
    let page = page_of(ctx, wanted, &profile.tags);
    Ok(model::ListInstanceProfileTagsOutput {
        is_truncated: Some(page.is_truncated()),
        tags: page.items,
        marker: page.marker,
    })
}

/// In the order of the keys.
fn page_of(ctx: &Ctx, wanted: Wanted, all: &[Tag]) -> Page<model::Tag> {
    wanted.cut(ctx, tags::shapes(all), |tag| tag.key.clone())
}
