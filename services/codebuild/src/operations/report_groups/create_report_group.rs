use aws::Ctx;
use codebuild_model::{CreateReportGroup, CreateReportGroupOutput, ReportType};

use super::complete;
use crate::{
    CodeBuild,
    error::Error,
    operations::tags::checked_tags,
    records::{Export, ReportGroup},
    report::Kind,
    shape,
};

/// Creates a report group.
/// Errors: InvalidInput, ReportGroupAlreadyExists, NotImplemented.
/// Source: CodeBuild API Reference, CreateReportGroup.
pub(super) async fn create_report_group(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: CreateReportGroup,
) -> Result<CreateReportGroupOutput, Error> {
    check_name(&input.name)?;
    let group = ReportGroup {
        scope: ctx.scope.clone(),
        kind: match input.r#type {
            ReportType::Test => Kind::Test,
            ReportType::CodeCoverage => Kind::CodeCoverage,
            ReportType::Other(other) => {
                return Err(Error::InvalidInput(format!("Invalid type of report group: {other}")));
            }
        },
        export: Export(complete(input.export_config, ctx)?),
        created: ctx.now(),
        last_modified: ctx.now(),
        tags: checked_tags(input.tags.as_deref())?,
        deleting: false,
        name: input.name,
    };
    let output = shape::report_group(&group);
    let write = codebuild.store.write(move |tx| match tx.put_if(&group, None) {
        Err(store::Error::Conflict { .. }) => Err(Error::ReportGroupAlreadyExists(group.arn())),
        other => Ok(other.map(|_| ())?),
    });
    write.await?;
    Ok(CreateReportGroupOutput { report_group: Some(output) })
}

/// What would not stand in an ARN is no name.
fn check_name(name: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(allowed) {
        true => Ok(()),
        false => Err(Error::InvalidInput(format!(
            "Invalid report group name '{name}': it must be letters, digits, hyphens and underscores, and begin with a \
             letter or digit"
        ))),
    }
}
