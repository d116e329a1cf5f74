use aws::{Access, Ctx};
use codebuild_model::{DeleteReportGroup, DeleteReportGroupOutput};
use store::Range;

use super::{access_to, group_of};
use crate::{
    CodeBuild,
    error::Error,
    expiry,
    records::{Report, ReportGroup},
};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &DeleteReportGroup,
) -> Result<Vec<Access>, Error> {
    access_to(codebuild, ctx, [&input.arn]).await
}

/// Deletes a report group; with `deleteReports` its reports go first, and it is DELETING until they are gone. One that is
/// not there is deleted already.
/// Errors: InvalidInput, for a group with reports too.
/// Source: CodeBuild API Reference, DeleteReportGroup.
pub(super) async fn delete_report_group(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: DeleteReportGroup,
) -> Result<DeleteReportGroupOutput, Error> {
    let (scope, name) = group_of(ctx, &input.arn)?;
    let deletes_reports = input.delete_reports == Some(true);
    let write = codebuild.store.write(move |tx| {
        let Some(mut group) = tx.get::<ReportGroup>(&ReportGroup::key_of(&scope, &name))? else {
            return Ok(());
        };
        let reports = Range::prefix(Report::of_group(&scope, &name));
        if tx.scan::<Report>(reports, 1)?.records.is_empty() {
            return Ok(expiry::remove_group(tx, &scope, &name)?);
        }
        if !deletes_reports {
            return Err(Error::InvalidInput(format!(
                "Report group {} has reports: delete them first, or set deleteReports",
                group.arn()
            )));
        }
        group.record.deleting = true;
        tx.update(&group)?;
        Ok(expiry::delete_group(tx, &group)?)
    });
    write.await?;
    Ok(DeleteReportGroupOutput {})
}
