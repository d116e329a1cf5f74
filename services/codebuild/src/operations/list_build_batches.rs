use aws::Ctx;
use codebuild_model::{BuildBatchFilter, ListBuildBatches, ListBuildBatchesOutput, SortOrderType};
use store::{Key, Range};

use super::{PAGE, next_token, page_start};
use crate::{
    CodeBuild,
    error::Error,
    records::{Batch, in_scope},
};

/// Ids of all batches, at most a hundred a page, the newest first unless asked otherwise.
/// Source: CodeBuild API Reference, ListBuildBatches.
pub(super) async fn list_build_batches(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListBuildBatches,
) -> Result<ListBuildBatchesOutput, Error> {
    let listing = Listing {
        all: Batch::STARTED,
        by_status: Batch::STATUS_STARTED,
        of: in_scope(&ctx.scope),
        filter: input.filter,
        order: input.sort_order,
        most: input.max_results,
        token: input.next_token,
    };
    let (ids, next_token) = listing.page(codebuild, ctx).await?;
    Ok(ListBuildBatchesOutput { ids: Some(ids), next_token })
}

/// What of the batches is wanted.
pub(super) struct Listing {
    /// The index of all, and that by status.
    pub all: &'static str,
    pub by_status: &'static str,
    pub of: Key,
    pub filter: Option<BuildBatchFilter>,
    pub order: Option<SortOrderType>,
    pub most: Option<i32>,
    pub token: Option<String>,
}

impl Listing {
    pub async fn page(
        self,
        codebuild: &CodeBuild,
        ctx: &Ctx,
    ) -> Result<(Vec<String>, Option<String>), Error> {
        let (index, range) = match self.filter.and_then(|filter| filter.status) {
            Some(status) => (self.by_status, Range::prefix(self.of.and(status.as_str()))),
            None => (self.all, Range::prefix(self.of)),
        };
        let range = match self.order {
            Some(SortOrderType::Ascending) => range,
            Some(SortOrderType::Descending | SortOrderType::Other(_)) | None => range.descending(),
        };
        let range = range.after(page_start(ctx, self.token.as_deref())?);
        let most = self.most.and_then(|most| usize::try_from(most).ok()).unwrap_or(PAGE).clamp(1, PAGE);
        let read = codebuild.store.read(move |tx| tx.scan_index::<Batch>(index, range.clone(), most));
        let page = read.await?;
        let next = next_token(ctx, page.next.as_ref());
        Ok((page.into_records().into_iter().map(|batch| batch.id.to_string()).collect(), next))
    }
}
