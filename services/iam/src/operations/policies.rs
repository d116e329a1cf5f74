//! Managed policies. Source: IAM API Reference.

use aws::Ctx;
use iam_model as model;
use store::{ReadTx, Versioned};

use super::attachments::check_arn;
use super::describe::{AnyPolicy, usage};
use super::{Answer, describe, second};
use crate::authorise::policies::customer_policy;
use crate::error::Error;
use crate::iam::Iam;
use crate::ids::{Prefix, new_id};
use crate::limits;
use crate::managed::AWS_POLICIES;
use crate::page::Wanted;
use crate::policy::{Document, Kind};
use crate::records::{ManagedPolicy, PolicyVersion, named, of_account};
use crate::tags;

/// Errors: EntityAlreadyExists, MalformedPolicyDocument, LimitExceeded, InvalidInput.
pub async fn create_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::CreatePolicy,
) -> Answer<model::CreatePolicyOutput> {
    check_document(&input.policy_document)?;
    let created_at = second(ctx);
    let policy = ManagedPolicy {
        account: ctx.scope.account.clone(),
        name: input.policy_name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        id: new_id(Prefix::ManagedPolicy),
        description: input.description,
        created_at,
        updated_at: created_at,
        versions: vec![PolicyVersion { number: 1, document: input.policy_document, created_at }],
        default_version: 1,
        next_version: 2,
        tags: tags::checked(input.tags.as_deref().unwrap_or_default())?,
    };
    let policy = iam
        .change(move |tx| {
            if tx.exists::<ManagedPolicy>(&named(&policy.account, &policy.name))? {
                return Err(Error::PolicyExists(policy.name.clone()));
            }
            let present = tx.count::<ManagedPolicy>(of_account(&policy.account))?;
            limits::room_for_one("PoliciesPerAccount", present, limits::CUSTOMER_POLICIES)?;
            tx.put(&policy)?;
            describe::policy(tx, &AnyPolicy::Customer(policy.clone()), &policy.account)
        })
        .await?;
    // A creation answers no description.
    Ok(model::CreatePolicyOutput { policy: Some(model::Policy { description: None, ..policy }) })
}

/// Errors: NoSuchEntity, InvalidInput.
pub async fn get_policy(iam: &Iam, ctx: &Ctx, input: model::GetPolicy) -> Answer<model::GetPolicyOutput> {
    check_arn(&input.policy_arn)?;
    let account = ctx.scope.account.clone();
    let policy = iam
        .store
        .read(move |tx| {
            let policy = any_policy(tx, &input.policy_arn)?;
            describe::policy(tx, &policy, &account)
        })
        .await?;
    Ok(model::GetPolicyOutput { policy: Some(policy) })
}

pub async fn list_policies(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListPolicies,
) -> Answer<model::ListPoliciesOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let scope = input.scope.clone().unwrap_or(model::PolicyScopeType::All);
    let mut found: Vec<AnyPolicy> = Vec::new();
    if scope != model::PolicyScopeType::Aws {
        let account = ctx.scope.account.clone();
        let local = iam
            .store
            .read(move |tx| {
                let page = tx.scan::<ManagedPolicy>(of_account(&account), limits::CUSTOMER_POLICIES)?;
                Ok::<_, Error>(page.into_records())
            })
            .await?;
        found.extend(local.into_iter().map(AnyPolicy::Customer));
    }
    if scope != model::PolicyScopeType::Local {
        found.extend(AWS_POLICIES.values().map(AnyPolicy::Aws));
    }
    let prefix = input.path_prefix.clone().unwrap_or_default();
    found.retain(|policy| policy.path().starts_with(prefix.as_str()));
    let found = iam.store.read({
        let account = ctx.scope.account.clone();
        move |tx| {
            let mut used = Vec::new();
            for policy in &found {
                let shape = describe::listed_policy(tx, policy, &account)?;
                if is_wanted(&shape, &input) {
                    used.push(shape);
                }
            }
            Ok::<_, Error>(used)
        }
    });
    let page = wanted.cut(ctx, found.await?, |policy| policy.arn.clone().unwrap_or_default());
    Ok(model::ListPoliciesOutput {
        is_truncated: Some(page.is_truncated()),
        policies: Some(page.items),
        marker: page.marker,
    })
}

fn is_wanted(policy: &model::Policy, input: &model::ListPolicies) -> bool {
    let attachments = policy.attachment_count.unwrap_or(0);
    let boundaries = policy.permissions_boundary_usage_count.unwrap_or(0);
    let used = match &input.policy_usage_filter {
        Some(model::PolicyUsageType::PermissionsPolicy) => attachments > 0,
        Some(model::PolicyUsageType::PermissionsBoundary) => boundaries > 0,
        Some(model::PolicyUsageType::Other(_)) | None => true,
    };
    used && (!input.only_attached.unwrap_or(false) || attachments > 0)
}

/// Errors: NoSuchEntity, InvalidInput, DeleteConflict while it is attached or has other versions than its default.
pub async fn delete_policy(
    iam: &Iam,
    _ctx: &Ctx,
    input: model::DeletePolicy,
) -> Answer<model::DeletePolicyOutput> {
    check_arn(&input.policy_arn)?;
    iam.change(move |tx| {
        let policy = own_policy(tx, &input.policy_arn)?;
        let usage = usage(tx, &input.policy_arn, &policy.account)?;
        if usage.attachments > 0 || usage.boundaries > 0 {
            return Err(Error::DeleteForbidden("Cannot delete a policy attached to entities."));
        }
        if policy.versions.len() > 1 {
            return Err(Error::DeleteForbidden(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                 versions. The default version is deleted with the policy.",
            ));
        }
        tx.delete::<ManagedPolicy>(&named(&policy.account, &policy.name))?;
        Ok(())
    })
    .await?;
    Ok(model::DeletePolicyOutput::default())
}

/// Errors: MalformedPolicyDocument, LimitExceeded.
pub fn check_document(text: &str) -> Result<(), Error> {
    if limits::policy_size(text) > limits::MANAGED_POLICY_SIZE {
        return Err(Error::Quota { quota: "PolicySize", limit: limits::MANAGED_POLICY_SIZE });
    }
    Document::parse(text, Kind::Managed)?;
    Ok(())
}

/// Any managed policy. Errors: NoSuchEntity.
pub fn any_policy(tx: &mut ReadTx<'_>, arn: &str) -> Result<AnyPolicy, Error> {
    if let Some(policy) = AWS_POLICIES.get(arn) {
        return Ok(AnyPolicy::Aws(policy));
    }
    let found = customer_policy(tx, arn)?.ok_or_else(|| Error::NoSuchPolicy(arn.to_owned()))?;
    Ok(AnyPolicy::Customer(found.into_inner()))
}

/// A policy that the customer may change. Errors: NoSuchEntity, AccessDenied for AWS's.
pub fn own_policy(tx: &mut ReadTx<'_>, arn: &str) -> Result<Versioned<ManagedPolicy>, Error> {
    if arn.contains(":iam::aws:") {
        return Err(Error::AccessDenied("Policy is outside your own account.".to_owned()));
    }
    customer_policy(tx, arn)?.ok_or_else(|| Error::NoSuchPolicy(arn.to_owned()))
}
