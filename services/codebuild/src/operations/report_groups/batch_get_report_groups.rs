use aws::{Access, Ctx};
use codebuild_model::{BatchGetReportGroups, BatchGetReportGroupsOutput};

use super::{access_to, named};
use crate::{CodeBuild, error::Error, records::ReportGroup, shape};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &BatchGetReportGroups,
) -> Result<Vec<Access>, Error> {
    access_to(codebuild, ctx, &input.report_group_arns).await
}

/// Report groups by ARN; those that are not there are listed apart.
/// Source: CodeBuild API Reference, BatchGetReportGroups.
pub(super) async fn batch_get_report_groups(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: BatchGetReportGroups,
) -> Result<BatchGetReportGroupsOutput, Error> {
    let scope = ctx.scope.clone();
    let read = codebuild.store.read(move |tx| {
        let (mut groups, mut not_found) = (Vec::new(), Vec::new());
        for arn in &input.report_group_arns {
            let found = match named(&scope, arn) {
                Some((scope, name)) => tx.get::<ReportGroup>(&ReportGroup::key_of(&scope, &name))?,
                None => None,
            };
            match found {
                Some(group) => groups.push(shape::report_group(&group)),
                None => not_found.push(arn.clone()),
            }
        }
        Ok::<_, store::Error>((groups, not_found))
    });
    let (groups, not_found) = read.await?;
    Ok(BatchGetReportGroupsOutput { report_groups: Some(groups), report_groups_not_found: Some(not_found) })
}
