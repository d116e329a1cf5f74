use aws::{Access, Ctx};
use codebuild_model::{UpdateReportGroup, UpdateReportGroupOutput};

use super::{access_to, complete, group_of};
use crate::{
    CodeBuild,
    error::Error,
    operations::tags::{checked_tags, tags},
    records::{Export, ReportGroup},
    shape,
};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &UpdateReportGroup,
) -> Result<Vec<Access>, Error> {
    let accesses = access_to(codebuild, ctx, [&input.arn]).await?;
    Ok(accesses.into_iter().map(|access| access.with_request_tags(tags(input.tags.as_deref()))).collect())
}

/// Changes what is sent. Reports that are there keep what they were exported with.
/// Errors: InvalidInput, ReportGroupNotFound, NotImplemented.
/// Source: CodeBuild API Reference, UpdateReportGroup.
pub(super) async fn update_report_group(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: UpdateReportGroup,
) -> Result<UpdateReportGroupOutput, Error> {
    let (scope, name) = group_of(ctx, &input.arn)?;
    let export = input.export_config.map(|export| complete(export, ctx)).transpose()?;
    let tags = input.tags.as_deref().map(|tags| checked_tags(Some(tags))).transpose()?;
    let (key, arn, now) = (ReportGroup::key_of(&scope, &name), input.arn, ctx.now());
    let write = codebuild.store.write(move |tx| {
        let found = tx.get::<ReportGroup>(&key)?.filter(|group| !group.deleting);
        let mut group = found.ok_or_else(|| Error::ReportGroupNotFound(arn.clone()))?;
        if let Some(export) = &export {
            group.record.export = Export(export.clone());
        }
        if let Some(tags) = &tags {
            group.record.tags.clone_from(tags);
        }
        group.record.last_modified = now;
        tx.update(&group)?;
        Ok::<_, Error>(group.into_inner())
    });
    Ok(UpdateReportGroupOutput { report_group: Some(shape::report_group(&write.await?)) })
}
