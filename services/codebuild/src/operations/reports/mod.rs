//! Reports and what they hold.

mod batch_get_reports;
mod delete_report;
mod describe_code_coverages;
mod describe_test_cases;
mod list_reports;
mod list_reports_for_report_group;

use std::collections::BTreeSet;

use aws::{Access, Ctx, Scope, router::RouterBuilder};
use codebuild_model as model;
use store::{Page, Range};

use super::{
    next_token, page_size, page_start,
    report_groups::{access_to, access_to_group},
};
use crate::{
    CodeBuild,
    error::Error,
    records::{Report, ReportId},
};

/// Adds the operations to the router: reports are authorised by their groups.
pub(super) fn serve(router: RouterBuilder<CodeBuild>) -> RouterBuilder<CodeBuild> {
    router
        .on_resolved::<model::BatchGetReports, _, _>(
            batch_get_reports::batch_get_reports,
            batch_get_reports::access,
        )
        .on_resolved::<model::DeleteReport, _, _>(delete_report::delete_report, delete_report::access)
        .on_resolved::<model::DescribeCodeCoverages, _, _>(
            describe_code_coverages::describe_code_coverages,
            describe_code_coverages::access,
        )
        .on_resolved::<model::DescribeTestCases, _, _>(
            describe_test_cases::describe_test_cases,
            describe_test_cases::access,
        )
        .on::<model::ListReports, _>(list_reports::list_reports, |_, _| vec![Access::any()])
        .on_resolved::<model::ListReportsForReportGroup, _, _>(
            list_reports_for_report_group::list_reports_for_report_group,
            list_reports_for_report_group::access,
        )
}

/// The scope and the id of a report by its ARN. None for what no report here can be called.
fn named(scope: &Scope, arn: &str) -> Option<(Scope, ReportId)> {
    let (scope, _) = super::report_groups::owned(scope, arn)?;
    Some((scope, ReportId::of_arn(&arn.parse().ok()?)?))
}

/// What the policies are asked for reports: their groups, each once.
async fn access_to_groups_of<'a>(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    arns: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<Access>, Error> {
    let mut groups = BTreeSet::new();
    let mut accesses = Vec::new();
    for arn in arns {
        match named(&ctx.scope, arn) {
            Some((scope, id)) if groups.insert((scope.account.to_string(), id.group.clone())) => {
                accesses.push(access_to_group(codebuild, &scope, &id.group).await?);
            }
            Some(_) => {}
            None => accesses.extend(access_to(codebuild, ctx, [arn]).await?),
        }
    }
    Ok(accesses)
}

/// A page of ARNs by creation, the newest first unless asked otherwise. `by_status` is the index that has the status
/// between `prefix` and time, `by_time` the one that has not.
async fn page_of_arns(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    prefix: store::Key,
    (by_time, by_status): (&'static str, &'static str),
    asked: Asked,
) -> Result<(Vec<String>, Option<String>), Error> {
    let status = asked.filter.and_then(|filter| filter.status);
    let (index, prefix) = match status {
        Some(status) => (by_status, prefix.and(status.as_str())),
        None => (by_time, prefix),
    };
    let range = match asked.order {
        Some(model::SortOrderType::Ascending) => Range::prefix(prefix),
        Some(model::SortOrderType::Descending | model::SortOrderType::Other(_)) | None => {
            Range::prefix(prefix).descending()
        }
    };
    let range = range.after(page_start(ctx, asked.token.as_deref())?);
    let size = page_size(asked.size);
    let read = codebuild.store.read(move |tx| tx.scan_index::<Report>(index, range.clone(), size));
    let page: Page<Report> = read.await?;
    let next = next_token(ctx, page.next.as_ref());
    Ok((page.into_records().iter().map(Report::arn).collect(), next))
}

/// What a list is asked for.
struct Asked {
    filter: Option<model::ReportFilter>,
    order: Option<model::SortOrderType>,
    token: Option<String>,
    size: Option<i32>,
}
