use aws::Ctx;
use codebuild_model::{ListSandboxesForProject, ListSandboxesForProjectOutput};
use store::Range;

use super::{
    list_sandboxes::{Page, page_of_sandboxes},
    page_size, project_name,
};
use crate::{
    CodeBuild,
    error::Error,
    records::{Build, BuildId, Counter},
};

/// Ids of a project's sandboxes, the newest first unless asked otherwise. A project that was deleted still has them.
/// Errors: ProjectNotFound for a name that never had one.
/// Source: CodeBuild API Reference, ListSandboxesForProject.
pub(super) async fn list_sandboxes_for_project(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListSandboxesForProject,
) -> Result<ListSandboxesForProjectOutput, Error> {
    let name = project_name(&input.project_name);
    let of_project = BuildId::of_sandbox(name).project;
    let counter = Counter::key_of(&ctx.scope, &of_project);
    if !codebuild.store.read(move |tx| tx.exists::<Counter>(&counter)).await? {
        codebuild.project(&ctx.scope, name).await?;
    }
    let range = Range::prefix(Build::of_project(&ctx.scope, &of_project));
    let page = Page { order: input.sort_order, token: input.next_token, size: page_size(input.max_results) };
    let (ids, next_token) = page_of_sandboxes(codebuild, ctx, Build::PROJECT_SANDBOXES, range, page).await?;
    Ok(ListSandboxesForProjectOutput { ids: Some(ids), next_token })
}
