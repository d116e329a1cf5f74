//! Sharing of projects and report groups by policies that are attached to them.

mod delete_resource_policy;
mod get_resource_policy;
mod list_shared;
mod put_resource_policy;

use std::sync::Arc;

use aws::{Access, Ctx, Scope, router::RouterBuilder};
use codebuild_model as model;

use super::report_groups::owned;
use crate::{
    CodeBuild,
    error::Error,
    records::{ResourcePolicy, Shared},
};

/// Adds the operations to the router.
pub(super) fn serve(router: RouterBuilder<CodeBuild>) -> RouterBuilder<CodeBuild> {
    router
        .on::<model::DeleteResourcePolicy, _>(delete_resource_policy::delete_resource_policy, |op, scope| {
            access_to(&op.resource_arn, scope)
        })
        .on::<model::GetResourcePolicy, _>(get_resource_policy::get_resource_policy, |op, scope| {
            access_to(&op.resource_arn, scope)
        })
        .on::<model::ListSharedProjects, _>(list_shared::list_shared_projects, |_, _| vec![Access::any()])
        .on::<model::ListSharedReportGroups, _>(list_shared::list_shared_report_groups, |_, _| {
            vec![Access::any()]
        })
        .on::<model::PutResourcePolicy, _>(put_resource_policy::put_resource_policy, |op, scope| {
            access_to(&op.resource_arn, scope)
        })
}

fn access_to(arn: &str, scope: &Scope) -> Vec<Access> {
    match arn.starts_with("arn:") {
        true => vec![Access::to(arn)],
        false => vec![Access::to(scope.arn("codebuild", arn))],
    }
}

/// The scope, the kind and the resource of an ARN. Errors: `InvalidInput`.
fn shareable(ctx: &Ctx, arn: &str) -> Result<(Scope, Shared, String), Error> {
    let kind_of = |resource: &str| {
        let kinds = [Shared::Project, Shared::ReportGroup];
        kinds
            .into_iter()
            .find(|kind| resource.strip_prefix(kind.prefix()).is_some_and(|name| !name.is_empty()))
    };
    let found =
        owned(&ctx.scope, arn).and_then(|(scope, resource)| Some((scope, kind_of(&resource)?, resource)));
    found.ok_or_else(|| {
        Error::InvalidInput(format!("Invalid resource ARN, expected a project or a report group: {arn}"))
    })
}

/// Attaches the policy of the resource, if it has one.
pub(super) async fn with_policy(
    codebuild: &CodeBuild,
    scope: &Scope,
    resource: &str,
    access: Access,
) -> Result<Access, Error> {
    let key = ResourcePolicy::key_of(scope, resource);
    let policy = codebuild.store.read(move |tx| tx.get::<ResourcePolicy>(&key)).await?;
    let resource_policy = policy.map(|policy| Arc::from(policy.document.as_str()));
    Ok(Access { resource_policy, ..access })
}
