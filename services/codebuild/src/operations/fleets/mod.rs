//! Fleets.

mod batch_get_fleets;
mod create_fleet;
mod delete_fleet;
mod list_fleets;
mod update_fleet;

use std::collections::BTreeSet;

use aws::{Access, Ctx, Scope, router::RouterBuilder};
use codebuild_model::{self as model};

use super::tags::tags;
use crate::{CodeBuild, PRINCIPAL, error::Error, fleet::FleetName, records::Fleet, shape};

/// Adds the operations to the router.
pub(super) fn serve(router: RouterBuilder<CodeBuild>) -> RouterBuilder<CodeBuild> {
    router
        .on_resolved::<model::BatchGetFleets, _, _>(
            batch_get_fleets::batch_get_fleets,
            batch_get_fleets::access,
        )
        .on::<model::CreateFleet, _>(create_fleet::create_fleet, |op, scope| {
            let created = Access::to(any_of(scope, &op.name)).with_request_tags(tags(op.tags.as_deref()));
            std::iter::once(created).chain(pass_role(op.fleet_service_role.as_deref())).collect()
        })
        .on_resolved::<model::DeleteFleet, _, _>(delete_fleet::delete_fleet, delete_fleet::access)
        .on::<model::ListFleets, _>(list_fleets::list_fleets, |_, _| vec![Access::any()])
        .on_resolved::<model::UpdateFleet, _, _>(update_fleet::update_fleet, update_fleet::access)
}

/// What stands for a fleet that has no id yet: as policies write it that admit every fleet of a name.
fn any_of(scope: &Scope, name: &str) -> String {
    scope.arn("codebuild", format_args!("fleet/{name}:*")).to_string()
}

fn pass_role(role: Option<&str>) -> Option<Access> {
    role.map(|role| Access::pass_role(role, PRINCIPAL))
}

/// What the policies are asked for fleets by their names and ARNs: each once, with its tags.
async fn access_to<'a>(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    given: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<Access>, Error> {
    let given: BTreeSet<&String> = given.into_iter().collect();
    let mut accesses = Vec::with_capacity(given.len());
    for given in given {
        accesses.push(access_to_fleet(codebuild, &ctx.scope, given).await?);
    }
    Ok(accesses)
}

async fn access_to_fleet(codebuild: &CodeBuild, scope: &Scope, given: &str) -> Result<Access, Error> {
    let found = match FleetName::parse(scope, given) {
        Some(name) => codebuild.fleet(&name).await?,
        None => None,
    };
    Ok(match found {
        Some(fleet) => {
            let tags = fleet.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            Access::to(fleet.arn()).with_resource_tags(tags)
        }
        None if given.starts_with("arn:") => Access::to(given),
        None => Access::to(any_of(scope, given)),
    })
}

/// A fleet as it is shown, with what its workers mean for it.
fn shown(codebuild: &CodeBuild, fleet: &Fleet) -> model::Fleet {
    shape::fleet(fleet, codebuild.workers_of(&fleet.arn()) > 0)
}
