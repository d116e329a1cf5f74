use aws::Ctx;
use codebuild_model::{InvalidateProjectCache, InvalidateProjectCacheOutput};

use super::project_name;
use crate::{CodeBuild, cache::owner_of_layers, error::Error, records::Invalidation};

/// Lets the project's next build begin without a cache. What is kept in S3 stays there until it is replaced.
/// Errors: ProjectNotFound.
/// Source: CodeBuild API Reference, InvalidateProjectCache.
pub(super) async fn invalidate_project_cache(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: InvalidateProjectCache,
) -> Result<InvalidateProjectCacheOutput, Error> {
    let project = project_name(&input.project_name).to_owned();
    codebuild.project(&ctx.scope, &project).await?;
    let owner = owner_of_layers(&ctx.scope, &project);
    let invalidation = Invalidation { scope: ctx.scope.clone(), project, at: ctx.now() };
    codebuild.store.write(move |tx| tx.put(&invalidation).map(|_| ())).await?;
    // No build uses older ones any more: this only makes room.
    if let Err(error) = codebuild.executor.discard_layers(&owner).await {
        tracing::warn!(%error, owner, "Docker layers that nobody uses are still there");
    }
    Ok(InvalidateProjectCacheOutput {})
}
