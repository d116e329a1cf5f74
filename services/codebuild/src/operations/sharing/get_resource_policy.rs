use aws::Ctx;
use codebuild_model::{GetResourcePolicy, GetResourcePolicyOutput};

use super::shareable;
use crate::{CodeBuild, error::Error, records::ResourcePolicy};

/// The policy of a project or a report group, as it was put.
/// Errors: InvalidInput, ResourcePolicyNotFound.
/// Source: CodeBuild API Reference, GetResourcePolicy.
pub(super) async fn get_resource_policy(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: GetResourcePolicy,
) -> Result<GetResourcePolicyOutput, Error> {
    let (scope, _, resource) = shareable(ctx, &input.resource_arn)?;
    let key = ResourcePolicy::key_of(&scope, &resource);
    let policy = codebuild.store.read(move |tx| tx.get::<ResourcePolicy>(&key)).await?;
    let policy = policy.ok_or(Error::ResourcePolicyNotFound(input.resource_arn))?;
    Ok(GetResourcePolicyOutput { policy: Some(policy.into_inner().document) })
}
