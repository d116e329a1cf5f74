use aws::Ctx;
use codebuild_model::{ListBuildsForProject, ListBuildsForProjectOutput};
use store::Range;

use super::{list_builds::page_of_ids, project_name};
use crate::{
    CodeBuild,
    error::Error,
    records::{Build, Counter},
};

/// Ids of a project's builds by number, a hundred a page, the newest first unless asked otherwise. A project that was
/// deleted still has its builds.
/// Errors: ProjectNotFound for a name that never built anything.
/// Source: CodeBuild API Reference, ListBuildsForProject.
pub(super) async fn list_builds_for_project(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListBuildsForProject,
) -> Result<ListBuildsForProjectOutput, Error> {
    let name = project_name(&input.project_name);
    let counter = Counter::key_of(&ctx.scope, name);
    if !codebuild.store.read(move |tx| tx.exists::<Counter>(&counter)).await? {
        codebuild.project(&ctx.scope, name).await?;
    }
    let range = Range::prefix(Build::of_project(&ctx.scope, name));
    let (ids, next_token) =
        page_of_ids(codebuild, ctx, Build::NUMBER, range, input.sort_order, input.next_token).await?;
    Ok(ListBuildsForProjectOutput { ids: Some(ids), next_token })
}
