use aws::Ctx;
use codebuild_model::{FleetSortByType, ListFleets, ListFleetsOutput, SortOrderType};
use store::{Page, Range};

use crate::{
    CodeBuild,
    error::Error,
    operations::{next_token, page_size, page_start},
    records::{Fleet, in_scope},
};

/// ARNs of fleets, by default in the order of their names.
/// Source: CodeBuild API Reference, ListFleets.
pub(super) async fn list_fleets(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListFleets,
) -> Result<ListFleetsOutput, Error> {
    let mut range = Range::prefix(in_scope(&ctx.scope));
    if input.sort_order == Some(SortOrderType::Descending) {
        range = range.descending();
    }
    let range = range.after(page_start(ctx, input.next_token.as_deref())?);
    let size = page_size(input.max_results);
    let read = codebuild.store.read(move |tx| match input.sort_by {
        Some(FleetSortByType::CreatedTime) => tx.scan_index(Fleet::CREATED, range.clone(), size),
        Some(FleetSortByType::LastModifiedTime) => tx.scan_index(Fleet::LAST_MODIFIED, range.clone(), size),
        Some(FleetSortByType::Name | FleetSortByType::Other(_)) | None => tx.scan(range.clone(), size),
    });
    let page: Page<Fleet> = read.await?;
    Ok(ListFleetsOutput {
        next_token: next_token(ctx, page.next.as_ref()),
        fleets: Some(page.into_records().iter().map(Fleet::arn).collect()),
    })
}
