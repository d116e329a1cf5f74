//! Versions of managed policies: up to five, one of them the default. Source: IAM API Reference.

use aws::Ctx;
use iam_model as model;

use super::attachments::check_arn;
use super::policies::{any_policy, check_document, own_policy};
use super::{Answer, describe, second};
use crate::error::Error;
use crate::iam::Iam;
use crate::limits;
use crate::page::Wanted;
use crate::records::PolicyVersion;

/// Errors: NoSuchEntity, MalformedPolicyDocument, LimitExceeded, InvalidInput.
pub async fn create_policy_version(
    iam: &Iam,
    ctx: &Ctx,
    input: model::CreatePolicyVersion,
) -> Answer<model::CreatePolicyVersionOutput> {
    check_arn(&input.policy_arn)?;
    check_document(&input.policy_document)?;
    let created_at = second(ctx);
    let version = iam
        .change(move |tx| {
            let mut policy = own_policy(tx, &input.policy_arn)?;
            if policy.versions.len() >= limits::POLICY_VERSIONS {
                return Err(Error::TooManyVersions);
            }
            let number = policy.next_version;
            let version = PolicyVersion { number, document: input.policy_document.clone(), created_at };
            policy.versions.push(version.clone());
            policy.next_version += 1;
            policy.updated_at = created_at;
            if input.set_as_default.unwrap_or(false) {
                policy.default_version = number;
            }
            tx.put(&policy.record)?;
            // The answer repeats no document.
            Ok(model::PolicyVersion { document: None, ..describe::policy_version(&policy, &version) })
        })
        .await?;
    Ok(model::CreatePolicyVersionOutput { policy_version: Some(version) })
}

/// Errors: NoSuchEntity, InvalidInput.
pub async fn get_policy_version(
    iam: &Iam,
    _ctx: &Ctx,
    input: model::GetPolicyVersion,
) -> Answer<model::GetPolicyVersionOutput> {
    check_arn(&input.policy_arn)?;
    let arn = input.policy_arn.clone();
    let policy = iam.store.read(move |tx| any_policy(tx, &arn)).await?;
    let wanted =
        policy.versions().into_iter().find(|version| version.version_id.as_ref() == Some(&input.version_id));
    let version =
        wanted.ok_or(Error::NoSuchPolicyVersion { arn: input.policy_arn, version: input.version_id })?;
    Ok(model::GetPolicyVersionOutput { policy_version: Some(version) })
}

/// Newest first, without documents. Errors: NoSuchEntity, InvalidInput.
pub async fn list_policy_versions(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListPolicyVersions,
) -> Answer<model::ListPolicyVersionsOutput> {
    check_arn(&input.policy_arn)?;
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let policy = iam.store.read(move |tx| any_policy(tx, &input.policy_arn)).await?;
    let versions = policy.versions();
    let page = wanted.slice(ctx, versions.len(), |index| model::PolicyVersion {
        document: None,
        ..versions[index].clone()
    });
    Ok(model::ListPolicyVersionsOutput {
        is_truncated: Some(page.is_truncated()),
        versions: Some(page.items),
        marker: page.marker,
    })
}

/// Errors: NoSuchEntity, InvalidInput.
pub async fn set_default_policy_version(
    iam: &Iam,
    ctx: &Ctx,
    input: model::SetDefaultPolicyVersion,
) -> Answer<model::SetDefaultPolicyVersionOutput> {
    check_arn(&input.policy_arn)?;
    let now = second(ctx);
    iam.change(move |tx| {
        let mut policy = own_policy(tx, &input.policy_arn)?;
        policy.default_version = number_of(&policy, &input.policy_arn, &input.version_id)?;
        policy.updated_at = now;
        tx.put(&policy.record)?;
        Ok(())
    })
    .await?;
    Ok(model::SetDefaultPolicyVersionOutput::default())
}

/// Errors: NoSuchEntity, InvalidInput, DeleteConflict for the default version.
pub async fn delete_policy_version(
    iam: &Iam,
    _ctx: &Ctx,
    input: model::DeletePolicyVersion,
) -> Answer<model::DeletePolicyVersionOutput> {
    check_arn(&input.policy_arn)?;
    iam.change(move |tx| {
        let mut policy = own_policy(tx, &input.policy_arn)?;
        let number = number_of(&policy, &input.policy_arn, &input.version_id)?;
        if number == policy.default_version {
            return Err(Error::DeleteForbidden("Cannot delete the default version of a policy."));
        }
        policy.versions.retain(|version| version.number != number);
        tx.put(&policy.record)?;
        Ok(())
    })
    .await?;
    Ok(model::DeletePolicyVersionOutput::default())
}

fn number_of(policy: &crate::records::ManagedPolicy, arn: &str, version_id: &str) -> Result<u32, Error> {
    let found = policy.versions.iter().find(|version| version.id() == version_id);
    found
        .map(|version| version.number)
        .ok_or_else(|| Error::NoSuchPolicyVersion { arn: arn.to_owned(), version: version_id.to_owned() })
}
