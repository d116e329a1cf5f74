//! Report groups.

mod batch_get_report_groups;
mod create_report_group;
mod delete_report_group;
mod get_report_group_trend;
mod list_report_groups;
mod update_report_group;

use std::collections::BTreeSet;

use aws::{Access, Arn, Ctx, Scope, router::RouterBuilder};
use codebuild_model::{self as model, ReportExportConfigType};

use super::{sharing::with_policy, tags::tags};
use crate::{
    CodeBuild,
    error::Error,
    records::{ReportGroup, report_group_arn},
};

/// Adds the operations to the router.
pub(super) fn serve(router: RouterBuilder<CodeBuild>) -> RouterBuilder<CodeBuild> {
    router
        .on_resolved::<model::BatchGetReportGroups, _, _>(
            batch_get_report_groups::batch_get_report_groups,
            batch_get_report_groups::access,
        )
        .on::<model::CreateReportGroup, _>(create_report_group::create_report_group, |op, scope| {
            let created = Access::to(report_group_arn(scope, &op.name));
            vec![created.with_request_tags(tags(op.tags.as_deref()))]
        })
        .on_resolved::<model::DeleteReportGroup, _, _>(
            delete_report_group::delete_report_group,
            delete_report_group::access,
        )
        .on_resolved::<model::GetReportGroupTrend, _, _>(
            get_report_group_trend::get_report_group_trend,
            get_report_group_trend::access,
        )
        .on::<model::ListReportGroups, _>(list_report_groups::list_report_groups, |_, _| vec![Access::any()])
        .on_resolved::<model::UpdateReportGroup, _, _>(
            update_report_group::update_report_group,
            update_report_group::access,
        )
}

/// The scope and the name of a report group by its ARN. None for what no group here can be called.
pub(super) fn named(scope: &Scope, arn: &str) -> Option<(Scope, String)> {
    let (scope, resource) = owned(scope, arn)?;
    let name = resource.strip_prefix("report-group/").filter(|name| !name.is_empty())?;
    Some((scope, name.to_owned()))
}

/// The scope and the resource of an ARN of CodeBuild's in this region, of whatever account.
pub(super) fn owned(scope: &Scope, arn: &str) -> Option<(Scope, String)> {
    let Arn { partition, service, region, account, resource } = arn.parse().ok()?;
    if service != "codebuild" || region != scope.region.as_str() || partition != scope.partition {
        return None;
    }
    Some((Scope { account: account.parse().ok()?, ..scope.clone() }, resource))
}

/// As `named`. Errors: `InvalidInput`.
pub(super) fn group_of(ctx: &Ctx, arn: &str) -> Result<(Scope, String), Error> {
    named(&ctx.scope, arn).ok_or_else(|| Error::InvalidInput(format!("Invalid report group ARN: {arn}")))
}

/// What the policies are asked for report groups: each once, with its tags.
pub(super) async fn access_to<'a>(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    arns: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<Access>, Error> {
    let arns: BTreeSet<&String> = arns.into_iter().collect();
    let mut accesses = Vec::with_capacity(arns.len());
    for arn in arns {
        let access = match named(&ctx.scope, arn) {
            Some((scope, name)) => access_to_group(codebuild, &scope, &name).await?,
            None if arn.starts_with("arn:") => Access::to(arn),
            None => Access::to(report_group_arn(&ctx.scope, arn)),
        };
        accesses.push(access);
    }
    Ok(accesses)
}

pub(super) async fn access_to_group(
    codebuild: &CodeBuild,
    scope: &Scope,
    name: &str,
) -> Result<Access, Error> {
    let access = Access::to(report_group_arn(scope, name));
    let access = with_policy(codebuild, scope, &format!("report-group/{name}"), access).await?;
    Ok(match codebuild.report_group(scope, name).await? {
        Some(group) => access.with_resource_tags(tags_of(&group)),
        None => access,
    })
}

/// Keys and values.
pub(crate) fn tags_of(group: &ReportGroup) -> impl Iterator<Item = (&str, &str)> {
    group.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// Fills in what CodeBuild does. Errors: `InvalidInput`, `NotImplemented`.
fn complete(mut export: model::ReportExportConfig, ctx: &Ctx) -> Result<model::ReportExportConfig, Error> {
    let invalid = |message: &str| Err(Error::InvalidInput(format!("Invalid export config: {message}")));
    match (&export.export_config_type, &mut export.s3_destination) {
        (Some(ReportExportConfigType::S3), Some(destination)) => {
            if destination.bucket.is_none() {
                return invalid("bucket must be given");
            }
            if destination.bucket_owner.as_ref().is_some_and(|owner| owner != ctx.scope.account.as_str()) {
                return Err(Error::NotImplemented("bucketOwner of another account".to_owned()));
            }
            destination.packaging.get_or_insert(model::ReportPackagingType::None);
            if destination.encryption_disabled != Some(true) {
                destination
                    .encryption_key
                    .get_or_insert_with(|| ctx.scope.arn("kms", "alias/aws/s3").to_string());
            }
            Ok(export)
        }
        (Some(ReportExportConfigType::S3), None) => invalid("s3Destination must be given for type S3"),
        (Some(ReportExportConfigType::NoExport), Some(_)) => {
            invalid("s3Destination must not be given for type NO_EXPORT")
        }
        (Some(ReportExportConfigType::NoExport), None) => Ok(export),
        (None | Some(ReportExportConfigType::Other(_)), _) => invalid("exportConfigType must be given"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_groups() {
        let scope = crate::state::tests::build().scope;
        let arn = "arn:aws:codebuild:us-east-1:123456789012:report-group/unit";
        assert_eq!(named(&scope, arn), Some((scope.clone(), "unit".to_owned())));
        let (shared, _) = named(&scope, &arn.replace("123456789012", "210987654321")).unwrap();
        assert_eq!(shared.account.as_str(), "210987654321");
        for other in [
            "unit",
            "",
            &arn.replace("us-east-1", "eu-west-1"),
            &arn.replace("-group/", "/"),
            &arn.replace("unit", ""),
        ] {
            assert_eq!(named(&scope, other), None, "{other}");
        }
    }
}
