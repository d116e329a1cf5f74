use aws::{Access, Ctx};
use codebuild_model::{DeleteReport, DeleteReportOutput};

use super::{access_to_groups_of, named};
use crate::{CodeBuild, error::Error, expiry, records::Report};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &DeleteReport,
) -> Result<Vec<Access>, Error> {
    access_to_groups_of(codebuild, ctx, [&input.arn]).await
}

/// Deletes a report, with what it holds: it is DELETING until that is gone. What was exported stays. One that is not there
/// is deleted already.
/// Errors: InvalidInput.
/// Source: CodeBuild API Reference, DeleteReport.
pub(super) async fn delete_report(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: DeleteReport,
) -> Result<DeleteReportOutput, Error> {
    let (scope, id) = named(&ctx.scope, &input.arn)
        .ok_or_else(|| Error::InvalidInput(format!("Invalid report ARN: {}", input.arn)))?;
    let write = codebuild.store.write(move |tx| match tx.get::<Report>(&Report::key_of(&scope, &id))? {
        Some(report) => expiry::delete_report(tx, report),
        None => Ok(()),
    });
    write.await?;
    Ok(DeleteReportOutput {})
}
