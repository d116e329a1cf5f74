use aws::Ctx;
use codebuild_model::{ListBuildBatchesForProject, ListBuildBatchesForProjectOutput};

use super::{list_build_batches::Listing, project_name};
use crate::{
    CodeBuild,
    error::Error,
    records::{Batch, BatchCounter, in_scope},
};

/// Ids of a project's batches by number, at most a hundred a page, the newest first unless asked otherwise.
/// Errors: InvalidInput, ProjectNotFound for a name that never had a batch.
/// Source: CodeBuild API Reference, ListBuildBatchesForProject.
pub(super) async fn list_build_batches_for_project(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListBuildBatchesForProject,
) -> Result<ListBuildBatchesForProjectOutput, Error> {
    let name = input.project_name.as_deref().map(project_name);
    let name = name.ok_or_else(|| Error::InvalidInput("Project name must be given".to_owned()))?;
    let counter = BatchCounter::key_of(&ctx.scope, name);
    if !codebuild.store.read(move |tx| tx.exists::<BatchCounter>(&counter)).await? {
        codebuild.project(&ctx.scope, name).await?;
    }
    let listing = Listing {
        all: Batch::NUMBER,
        by_status: Batch::STATUS_NUMBER,
        of: in_scope(&ctx.scope).and(name),
        filter: input.filter,
        order: input.sort_order,
        most: input.max_results,
        token: input.next_token,
    };
    let (ids, next_token) = listing.page(codebuild, ctx).await?;
    Ok(ListBuildBatchesForProjectOutput { ids: Some(ids), next_token })
}
