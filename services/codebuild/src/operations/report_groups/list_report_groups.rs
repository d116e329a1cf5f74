use aws::Ctx;
use codebuild_model::{ListReportGroups, ListReportGroupsOutput, ReportGroupSortByType, SortOrderType};
use store::{Page, Range};

use crate::{
    CodeBuild,
    error::Error,
    operations::{next_token, page_size, page_start},
    records::{ReportGroup, in_scope},
};

/// ARNs of report groups, by default in the order of their names.
/// Source: CodeBuild API Reference, ListReportGroups.
pub(super) async fn list_report_groups(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListReportGroups,
) -> Result<ListReportGroupsOutput, Error> {
    let mut range = Range::prefix(in_scope(&ctx.scope));
    if input.sort_order == Some(SortOrderType::Descending) {
        range = range.descending();
    }
    let range = range.after(page_start(ctx, input.next_token.as_deref())?);
    let size = page_size(input.max_results);
    let read = codebuild.store.read(move |tx| match input.sort_by {
        Some(ReportGroupSortByType::CreatedTime) => tx.scan_index(ReportGroup::CREATED, range.clone(), size),
        Some(ReportGroupSortByType::LastModifiedTime) => {
            tx.scan_index(ReportGroup::LAST_MODIFIED, range.clone(), size)
        }
        Some(ReportGroupSortByType::Name | ReportGroupSortByType::Other(_)) | None => {
            tx.scan(range.clone(), size)
        }
    });
    let page: Page<ReportGroup> = read.await?;
    Ok(ListReportGroupsOutput {
        next_token: next_token(ctx, page.next.as_ref()),
        report_groups: Some(page.into_records().iter().map(ReportGroup::arn).collect()),
    })
}
