//! Managed policies attached to users, groups and roles. Source: IAM API Reference.

use aws::Ctx;
use iam_model as model;

use super::{Answer, describe};
use crate::authorise::policies::managed;
use crate::error::Error;
use crate::iam::Iam;
use crate::limits;
use crate::page::{Page, Wanted};
use crate::policy::arn_pattern;
use crate::records::{Entity, Group, Role, User};

/// Attaching again changes nothing. Errors: NoSuchEntity, InvalidInput, LimitExceeded.
pub async fn attach_user_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::AttachUserPolicy,
) -> Answer<model::AttachUserPolicyOutput> {
    attach::<User>(iam, ctx, input.user_name, input.policy_arn).await?;
    Ok(model::AttachUserPolicyOutput::default())
}

/// Attaching again changes nothing. Errors: NoSuchEntity, InvalidInput, LimitExceeded.
pub async fn attach_group_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::AttachGroupPolicy,
) -> Answer<model::AttachGroupPolicyOutput> {
    attach::<Group>(iam, ctx, input.group_name, input.policy_arn).await?;
    Ok(model::AttachGroupPolicyOutput::default())
}

/// Attaching again changes nothing. Errors: NoSuchEntity, InvalidInput, LimitExceeded.
pub async fn attach_role_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::AttachRolePolicy,
) -> Answer<model::AttachRolePolicyOutput> {
    attach::<Role>(iam, ctx, input.role_name, input.policy_arn).await?;
    Ok(model::AttachRolePolicyOutput::default())
}

/// Errors: NoSuchEntity, also when it is not attached; InvalidInput.
pub async fn detach_user_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::DetachUserPolicy,
) -> Answer<model::DetachUserPolicyOutput> {
    detach::<User>(iam, ctx, input.user_name, input.policy_arn).await?;
    Ok(model::DetachUserPolicyOutput::default())
}

/// Errors: NoSuchEntity, also when it is not attached; InvalidInput.
pub async fn detach_group_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::DetachGroupPolicy,
) -> Answer<model::DetachGroupPolicyOutput> {
    detach::<Group>(iam, ctx, input.group_name, input.policy_arn).await?;
    Ok(model::DetachGroupPolicyOutput::default())
}

/// Errors: NoSuchEntity, also when it is not attached; InvalidInput.
pub async fn detach_role_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::DetachRolePolicy,
) -> Answer<model::DetachRolePolicyOutput> {
    detach::<Role>(iam, ctx, input.role_name, input.policy_arn).await?;
    Ok(model::DetachRolePolicyOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn list_attached_user_policies(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListAttachedUserPolicies,
) -> Answer<model::ListAttachedUserPoliciesOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let page = list::<User>(iam, ctx, input.user_name, input.path_prefix, wanted).await?;
    Ok(model::ListAttachedUserPoliciesOutput {
        is_truncated: Some(page.is_truncated()),
        attached_policies: Some(describe::attached_policies(&page.items)),
        marker: page.marker,
    })
}

/// Errors: NoSuchEntity.
pub async fn list_attached_group_policies(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListAttachedGroupPolicies,
) -> Answer<model::ListAttachedGroupPoliciesOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let page = list::<Group>(iam, ctx, input.group_name, input.path_prefix, wanted).await?;
    Ok(model::ListAttachedGroupPoliciesOutput {
        is_truncated: Some(page.is_truncated()),
        attached_policies: Some(describe::attached_policies(&page.items)),
        marker: page.marker,
    })
}

/// Errors: NoSuchEntity.
pub async fn list_attached_role_policies(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListAttachedRolePolicies,
) -> Answer<model::ListAttachedRolePoliciesOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let page = list::<Role>(iam, ctx, input.role_name, input.path_prefix, wanted).await?;
    Ok(model::ListAttachedRolePoliciesOutput {
        is_truncated: Some(page.is_truncated()),
        attached_policies: Some(describe::attached_policies(&page.items)),
        marker: page.marker,
    })
}

async fn attach<E: Entity>(iam: &Iam, ctx: &Ctx, name: String, arn: String) -> Result<(), Error> {
    check_arn(&arn)?;
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut entity = E::load(tx, &account, &name)?;
        let is_foreign =
            arn_pattern::split(&arn).is_none_or(|parts| parts[4] != "aws" && parts[4] != account.as_str());
        if is_foreign || managed(tx, &arn)?.is_none() {
            return Err(Error::NotAttachable(arn.clone()));
        }
        let attached = &mut entity.policies_mut().attached;
        if !attached.contains(&arn) {
            limits::room_for_one(E::ATTACHED_QUOTA, attached.len() as u64, limits::ATTACHED_POLICIES)?;
            attached.push(arn.clone());
            tx.put(&entity.record)?;
        }
        Ok(())
    })
    .await
}

async fn detach<E: Entity>(iam: &Iam, ctx: &Ctx, name: String, arn: String) -> Result<(), Error> {
    check_arn(&arn)?;
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut entity = E::load(tx, &account, &name)?;
        let attached = &mut entity.policies_mut().attached;
        let before = attached.len();
        attached.retain(|other| *other != arn);
        if attached.len() == before {
            return Err(Error::NoSuchPolicy(arn.clone()));
        }
        tx.put(&entity.record)?;
        Ok(())
    })
    .await
}

async fn list<E: Entity>(
    iam: &Iam,
    ctx: &Ctx,
    name: String,
    path_prefix: Option<String>,
    wanted: Wanted,
) -> Result<Page<String>, Error> {
    let account = ctx.scope.account.clone();
    let entity = iam.store.read(move |tx| E::load(tx, &account, &name)).await?;
    let prefix = path_prefix.unwrap_or_else(|| "/".to_owned());
    // The path stands in the ARN, between `policy` and the name.
    let below = |arn: &&String| {
        arn.split_once(":policy")
            .and_then(|(_, path)| path.rfind('/').map(|end| &path[..=end]))
            .is_some_and(|path| path.starts_with(prefix.as_str()))
    };
    let arns = entity.policies().attached.iter().filter(below).cloned().collect();
    Ok(wanted.cut(ctx, arns, Clone::clone))
}

/// Errors: InvalidInput for what is no ARN of a policy.
pub fn check_arn(arn: &str) -> Result<(), Error> {
    match arn_pattern::split(arn) {
        Some([_, _, "iam", "", _, resource]) if resource.starts_with("policy/") => Ok(()),
        _ => Err(Error::InvalidInput(format!("ARN {arn} is not valid."))),
    }
}
