use aws::Ctx;
use codebuild_model::{ListReports, ListReportsOutput};

use super::{Asked, page_of_arns};
use crate::{
    CodeBuild,
    error::Error,
    records::{Report, in_scope},
};

/// ARNs of all reports.
/// Source: CodeBuild API Reference, ListReports.
pub(super) async fn list_reports(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListReports,
) -> Result<ListReportsOutput, Error> {
    let ListReports { filter, sort_order, next_token, max_results } = input;
    let asked = Asked { filter, order: sort_order, token: next_token, size: max_results };
    let indexes = (Report::CREATED, Report::STATUS);
    let (reports, next_token) = page_of_arns(codebuild, ctx, in_scope(&ctx.scope), indexes, asked).await?;
    Ok(ListReportsOutput { reports: Some(reports), next_token })
}
