use aws::{Access, Ctx};
use codebuild_model::{BatchGetReports, BatchGetReportsOutput};

use super::{access_to_groups_of, named};
use crate::{CodeBuild, error::Error, records::Report, shape};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &BatchGetReports,
) -> Result<Vec<Access>, Error> {
    access_to_groups_of(codebuild, ctx, &input.report_arns).await
}

/// Reports by ARN; those that are not there are listed apart.
/// Source: CodeBuild API Reference, BatchGetReports.
pub(super) async fn batch_get_reports(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: BatchGetReports,
) -> Result<BatchGetReportsOutput, Error> {
    let scope = ctx.scope.clone();
    let read = codebuild.store.read(move |tx| {
        let (mut reports, mut not_found) = (Vec::new(), Vec::new());
        for arn in &input.report_arns {
            let found = match named(&scope, arn) {
                Some((scope, id)) => tx.get::<Report>(&Report::key_of(&scope, &id))?,
                None => None,
            };
            match found {
                Some(report) => reports.push(shape::report(&report)),
                None => not_found.push(arn.clone()),
            }
        }
        Ok::<_, store::Error>((reports, not_found))
    });
    let (reports, not_found) = read.await?;
    Ok(BatchGetReportsOutput { reports: Some(reports), reports_not_found: Some(not_found) })
}
