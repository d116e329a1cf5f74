use aws::{Access, Ctx};
use codebuild_model::{ListBuildsForProject, ListBuildsForProjectOutput};
use store::Range;

use super::{access_to_shared, list_builds::page_of_ids, project_at};
use crate::{
    CodeBuild,
    error::Error,
    records::{Build, Counter},
};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &ListBuildsForProject,
) -> Result<Vec<Access>, Error> {
    access_to_shared(codebuild, vec![project_at(&ctx.scope, &input.project_name)]).await
}

/// Ids of a project's builds by number, a hundred a page, the newest first unless asked otherwise. A project that was
/// deleted still has its builds.
/// Errors: ProjectNotFound for a name that never built anything.
/// Source: CodeBuild API Reference, ListBuildsForProject.
pub(super) async fn list_builds_for_project(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListBuildsForProject,
) -> Result<ListBuildsForProjectOutput, Error> {
    let (scope, name) = project_at(&ctx.scope, &input.project_name);
    let counter = Counter::key_of(&scope, &name);
    if !codebuild.store.read(move |tx| tx.exists::<Counter>(&counter)).await? {
        codebuild.project(&scope, &name).await?;
    }
    let range = Range::prefix(Build::of_project(&scope, &name));
    let (ids, next_token) =
        page_of_ids(codebuild, ctx, Build::NUMBER, range, input.sort_order, input.next_token).await?;
    Ok(ListBuildsForProjectOutput { ids: Some(ids), next_token })
}
