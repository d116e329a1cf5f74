//! Inline policies of users, groups and roles: the same four operations on each. Source: IAM API Reference.

use aws::Ctx;
use iam_model as model;

use super::{Answer, describe};
use crate::error::Error;
use crate::iam::Iam;
use crate::limits;
use crate::page::{Page, Wanted};
use crate::policy::{Document, Kind};
use crate::records::{Entity, Group, Role, User};

/// Errors: NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
pub async fn put_user_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::PutUserPolicy,
) -> Answer<model::PutUserPolicyOutput> {
    put::<User>(iam, ctx, input.user_name, input.policy_name, input.policy_document).await?;
    Ok(model::PutUserPolicyOutput::default())
}

/// Errors: NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
pub async fn put_group_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::PutGroupPolicy,
) -> Answer<model::PutGroupPolicyOutput> {
    put::<Group>(iam, ctx, input.group_name, input.policy_name, input.policy_document).await?;
    Ok(model::PutGroupPolicyOutput::default())
}

/// Errors: NoSuchEntity, MalformedPolicyDocument, LimitExceeded.
pub async fn put_role_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::PutRolePolicy,
) -> Answer<model::PutRolePolicyOutput> {
    put::<Role>(iam, ctx, input.role_name, input.policy_name, input.policy_document).await?;
    Ok(model::PutRolePolicyOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn get_user_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::GetUserPolicy,
) -> Answer<model::GetUserPolicyOutput> {
    let found = get::<User>(iam, ctx, input.user_name, &input.policy_name).await?;
    Ok(model::GetUserPolicyOutput {
        user_name: found.entity_name,
        policy_name: input.policy_name,
        policy_document: found.document,
    })
}

/// Errors: NoSuchEntity.
pub async fn get_group_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::GetGroupPolicy,
) -> Answer<model::GetGroupPolicyOutput> {
    let found = get::<Group>(iam, ctx, input.group_name, &input.policy_name).await?;
    Ok(model::GetGroupPolicyOutput {
        group_name: found.entity_name,
        policy_name: input.policy_name,
        policy_document: found.document,
    })
}

/// Errors: NoSuchEntity.
pub async fn get_role_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::GetRolePolicy,
) -> Answer<model::GetRolePolicyOutput> {
    let found = get::<Role>(iam, ctx, input.role_name, &input.policy_name).await?;
    Ok(model::GetRolePolicyOutput {
        role_name: found.entity_name,
        policy_name: input.policy_name,
        policy_document: found.document,
    })
}

/// Errors: NoSuchEntity.
pub async fn delete_user_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::DeleteUserPolicy,
) -> Answer<model::DeleteUserPolicyOutput> {
    delete::<User>(iam, ctx, input.user_name, input.policy_name).await?;
    Ok(model::DeleteUserPolicyOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn delete_group_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::DeleteGroupPolicy,
) -> Answer<model::DeleteGroupPolicyOutput> {
    delete::<Group>(iam, ctx, input.group_name, input.policy_name).await?;
    Ok(model::DeleteGroupPolicyOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn delete_role_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::DeleteRolePolicy,
) -> Answer<model::DeleteRolePolicyOutput> {
    delete::<Role>(iam, ctx, input.role_name, input.policy_name).await?;
    Ok(model::DeleteRolePolicyOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn list_user_policies(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListUserPolicies,
) -> Answer<model::ListUserPoliciesOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let page = list::<User>(iam, ctx, input.user_name, wanted).await?;
    Ok(model::ListUserPoliciesOutput {
        is_truncated: Some(page.is_truncated()),
        policy_names: page.items,
        marker: page.marker,
    })
}

/// Errors: NoSuchEntity.
pub async fn list_group_policies(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListGroupPolicies,
) -> Answer<model::ListGroupPoliciesOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let page = list::<Group>(iam, ctx, input.group_name, wanted).await?;
    Ok(model::ListGroupPoliciesOutput {
        is_truncated: Some(page.is_truncated()),
        policy_names: page.items,
        marker: page.marker,
    })
}

/// Errors: NoSuchEntity.
pub async fn list_role_policies(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListRolePolicies,
) -> Answer<model::ListRolePoliciesOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let page = list::<Role>(iam, ctx, input.role_name, wanted).await?;
    Ok(model::ListRolePoliciesOutput {
        is_truncated: Some(page.is_truncated()),
        policy_names: page.items,
        marker: page.marker,
    })
}

struct Found {
    entity_name: String,
    /// Percent-encoded.
    document: String,
}

async fn put<E: Entity>(
    iam: &Iam,
    ctx: &Ctx,
    name: String,
    policy_name: String,
    document: String,
) -> Result<(), Error> {
    Document::parse(&document, Kind::Inline)?;
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut entity = E::load(tx, &account, &name)?;
        let inline = &mut entity.policies_mut().inline;
        inline.insert(policy_name.clone(), document.clone());
        let size: usize = inline.values().map(|document| limits::policy_size(document)).sum();
        if size > E::INLINE_SIZE {
            return Err(Error::InlineSize { noun: E::NOUN, name: name.clone(), limit: E::INLINE_SIZE });
        }
        tx.put(&entity.record)?;
        Ok(())
    })
    .await
}

async fn get<E: Entity>(iam: &Iam, ctx: &Ctx, name: String, policy_name: &str) -> Result<Found, Error> {
    let account = ctx.scope.account.clone();
    let entity = iam.store.read(move |tx| E::load(tx, &account, &name)).await?;
    let text = entity.policies().inline.get(policy_name);
    let text =
        text.ok_or_else(|| Error::NoSuchInlinePolicy { noun: E::NOUN, name: policy_name.to_owned() })?;
    Ok(Found { entity_name: entity.name().to_owned(), document: describe::document(text) })
}

async fn delete<E: Entity>(iam: &Iam, ctx: &Ctx, name: String, policy_name: String) -> Result<(), Error> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut entity = E::load(tx, &account, &name)?;
        if entity.policies_mut().inline.remove(&policy_name).is_none() {
            return Err(Error::NoSuchInlinePolicy { noun: E::NOUN, name: policy_name.clone() });
        }
        tx.put(&entity.record)?;
        Ok(())
    })
    .await
}

async fn list<E: Entity>(iam: &Iam, ctx: &Ctx, name: String, wanted: Wanted) -> Result<Page<String>, Error> {
    let account = ctx.scope.account.clone();
    let entity = iam.store.read(move |tx| E::load(tx, &account, &name)).await?;
    let names = entity.policies().inline.keys().cloned().collect();
    Ok(wanted.cut(ctx, names, Clone::clone))
}
