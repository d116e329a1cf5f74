use aws::Ctx;
use codebuild_model::{ListProjects, ListProjectsOutput, ProjectSortByType, SortOrderType};
use store::{Page, Range};

use super::{PAGE, next_token, page_start};
use crate::{
    CodeBuild,
    error::Error,
    records::{Project, in_scope},
};

/// Names of projects, a hundred a page, by default in the order of the names.
/// Source: CodeBuild API Reference, ListProjects.
pub(super) async fn list_projects(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListProjects,
) -> Result<ListProjectsOutput, Error> {
    let mut range = Range::prefix(in_scope(&ctx.scope));
    if input.sort_order == Some(SortOrderType::Descending) {
        range = range.descending();
    }
    let range = range.after(page_start(ctx, input.next_token.as_deref())?);
    let read = codebuild.store.read(move |tx| match input.sort_by {
        Some(ProjectSortByType::CreatedTime) => tx.scan_index(Project::CREATED, range.clone(), PAGE),
        Some(ProjectSortByType::LastModifiedTime) => {
            tx.scan_index(Project::LAST_MODIFIED, range.clone(), PAGE)
        }
        Some(ProjectSortByType::Name | ProjectSortByType::Other(_)) | None => tx.scan(range.clone(), PAGE),
    });
    let page: Page<Project> = read.await?;
    Ok(ListProjectsOutput {
        next_token: next_token(ctx, page.next.as_ref()),
        projects: Some(page.into_records().into_iter().map(|project| project.name).collect()),
    })
}
