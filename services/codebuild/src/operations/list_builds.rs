use aws::Ctx;
use codebuild_model::{ListBuilds, ListBuildsOutput, SortOrderType};
use store::Range;

use super::{PAGE, next_token, page_start};
use crate::{
    CodeBuild,
    error::Error,
    records::{Build, in_scope},
};

/// Ids of all builds, a hundred a page, the newest first unless asked otherwise.
/// Source: CodeBuild API Reference, ListBuilds.
pub(super) async fn list_builds(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListBuilds,
) -> Result<ListBuildsOutput, Error> {
    let range = Range::prefix(in_scope(&ctx.scope));
    let (ids, next_token) =
        page_of_ids(codebuild, ctx, Build::STARTED, range, input.sort_order, input.next_token).await?;
    Ok(ListBuildsOutput { ids: Some(ids), next_token })
}

pub(super) async fn page_of_ids(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    index: &'static str,
    range: Range,
    order: Option<SortOrderType>,
    token: Option<String>,
) -> Result<(Vec<String>, Option<String>), Error> {
    let range = match order {
        Some(SortOrderType::Ascending) => range,
        Some(SortOrderType::Descending | SortOrderType::Other(_)) | None => range.descending(),
    };
    let range = range.after(page_start(ctx, token.as_deref())?);
    let read = codebuild.store.read(move |tx| tx.scan_index::<Build>(index, range.clone(), PAGE));
    let page = read.await?;
    let next = next_token(ctx, page.next.as_ref());
    Ok((page.into_records().into_iter().map(|build| build.id.to_string()).collect(), next))
}
