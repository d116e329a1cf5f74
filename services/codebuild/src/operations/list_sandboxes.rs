use aws::Ctx;
use codebuild_model::{ListSandboxes, ListSandboxesOutput, SortOrderType};
use store::Range;

use super::{next_token, page_size, page_start};
use crate::{
    CodeBuild,
    error::Error,
    records::{Build, in_scope},
};

/// Ids of all sandboxes, the newest first unless asked otherwise.
/// Source: CodeBuild API Reference, ListSandboxes.
pub(super) async fn list_sandboxes(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListSandboxes,
) -> Result<ListSandboxesOutput, Error> {
    let range = Range::prefix(in_scope(&ctx.scope));
    let page = Page { order: input.sort_order, token: input.next_token, size: page_size(input.max_results) };
    let (ids, next_token) = page_of_sandboxes(codebuild, ctx, Build::SANDBOXES, range, page).await?;
    Ok(ListSandboxesOutput { ids: Some(ids), next_token })
}

/// Which page of a list.
pub(super) struct Page {
    pub order: Option<SortOrderType>,
    pub token: Option<String>,
    pub size: usize,
}

pub(super) async fn page_of_sandboxes(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    index: &'static str,
    range: Range,
    page: Page,
) -> Result<(Vec<String>, Option<String>), Error> {
    let range = match page.order {
        Some(SortOrderType::Ascending) => range,
        Some(SortOrderType::Descending | SortOrderType::Other(_)) | None => range.descending(),
    };
    let range = range.after(page_start(ctx, page.token.as_deref())?);
    let read = codebuild.store.read(move |tx| tx.scan_index::<Build>(index, range.clone(), page.size));
    let found = read.await?;
    let next = next_token(ctx, found.next.as_ref());
    Ok((found.into_records().into_iter().map(|sandbox| sandbox.id.public()).collect(), next))
}
