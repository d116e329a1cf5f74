use aws::Ctx;
use codebuild_model::{CODEBUILD, PutResourcePolicy, PutResourcePolicyOutput};

use super::shareable;
use crate::{
    CodeBuild,
    error::Error,
    records::{Project, ReportGroup, ResourcePolicy, Shared},
    sharing,
};

/// Shares a project or a report group with those whom the policy names; it replaces the one that was there.
/// Errors: InvalidInput, ProjectNotFound, ReportGroupNotFound.
/// Source: CodeBuild API Reference, PutResourcePolicy.
pub(super) async fn put_resource_policy(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: PutResourcePolicy,
) -> Result<PutResourcePolicyOutput, Error> {
    let (scope, kind, resource) = shareable(ctx, &input.resource_arn)?;
    let mut shared_with = sharing::principals(&input.policy, kind, &input.resource_arn)
        .map_err(|why| Error::InvalidInput(format!("Invalid resource policy: {why}")))?;
    let checked =
        codebuild.client.check_resource_policy(&CODEBUILD, &input.resource_arn, &input.policy).await;
    checked.map_err(|error| Error::InvalidInput(format!("Invalid resource policy: {}", error.message)))?;
    shared_with.remove(scope.account.as_str());
    let name = resource.trim_start_matches(kind.prefix()).to_owned();
    let document = input.policy;
    let policy = ResourcePolicy { scope, kind, resource, document, shared_with, modified: ctx.now() };
    let arn = input.resource_arn.clone();
    let write = codebuild.store.write(move |tx| {
        let (scope, arn) = (&policy.scope, arn.clone());
        match policy.kind {
            Shared::Project if !tx.exists::<Project>(&Project::key_of(scope, &name))? => {
                return Err(Error::ProjectNotFound(arn));
            }
            Shared::ReportGroup if !tx.exists::<ReportGroup>(&ReportGroup::key_of(scope, &name))? => {
                return Err(Error::ReportGroupNotFound(arn));
            }
            Shared::Project | Shared::ReportGroup => {}
        }
        tx.put(&policy)?;
        Ok(())
    });
    write.await?;
    Ok(PutResourcePolicyOutput { resource_arn: Some(input.resource_arn) })
}
