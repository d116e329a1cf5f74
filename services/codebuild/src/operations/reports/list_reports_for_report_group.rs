use aws::{Access, Ctx};
use codebuild_model::{ListReportsForReportGroup, ListReportsForReportGroupOutput};

use super::{Asked, page_of_arns};
use crate::{
    CodeBuild,
    error::Error,
    operations::report_groups::{access_to, group_of},
    records::Report,
};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &ListReportsForReportGroup,
) -> Result<Vec<Access>, Error> {
    access_to(codebuild, ctx, [&input.report_group_arn]).await
}

/// ARNs of a group's reports.
/// Errors: InvalidInput, ReportGroupNotFound.
/// Source: CodeBuild API Reference, ListReportsForReportGroup.
pub(super) async fn list_reports_for_report_group(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ListReportsForReportGroup,
) -> Result<ListReportsForReportGroupOutput, Error> {
    let ListReportsForReportGroup { report_group_arn, filter, sort_order, next_token, max_results } = input;
    let (scope, name) = group_of(ctx, &report_group_arn)?;
    if codebuild.report_group(&scope, &name).await?.is_none() {
        return Err(Error::ReportGroupNotFound(report_group_arn));
    }
    let asked = Asked { filter, order: sort_order, token: next_token, size: max_results };
    let indexes = (Report::OF_GROUP, Report::OF_GROUP_STATUS);
    let prefix = Report::of_group(&scope, &name);
    let (reports, next_token) = page_of_arns(codebuild, ctx, prefix, indexes, asked).await?;
    Ok(ListReportsForReportGroupOutput { reports: Some(reports), next_token })
}
