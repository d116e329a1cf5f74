use aws::Ctx;
use codebuild_model::{DeleteResourcePolicy, DeleteResourcePolicyOutput};

use super::shareable;
use crate::{CodeBuild, error::Error, records::ResourcePolicy};

/// Shares a project or a report group with nobody any more. Without a policy it is so already.
/// Errors: InvalidInput.
/// Source: CodeBuild API Reference, DeleteResourcePolicy.
pub(super) async fn delete_resource_policy(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: DeleteResourcePolicy,
) -> Result<DeleteResourcePolicyOutput, Error> {
    let (scope, _, resource) = shareable(ctx, &input.resource_arn)?;
    let key = ResourcePolicy::key_of(&scope, &resource);
    codebuild.store.write(move |tx| tx.delete::<ResourcePolicy>(&key)).await?;
    Ok(DeleteResourcePolicyOutput {})
}
