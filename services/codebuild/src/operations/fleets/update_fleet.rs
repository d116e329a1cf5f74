use aws::{Access, Ctx};
use codebuild_model::{self as model, UpdateFleet, UpdateFleetOutput};

use super::{access_to, pass_role, shown};
use crate::{
    CodeBuild,
    error::Error,
    fleet::{
        FleetName, capacity,
        settings::{OfMachines, complete},
    },
    operations::{
        create_project::try_role,
        tags::{checked_tags, tags},
    },
};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &UpdateFleet,
) -> Result<Vec<Access>, Error> {
    let accesses = access_to(codebuild, ctx, [&input.arn]).await?;
    let updated = accesses.into_iter().map(|access| access.with_request_tags(tags(input.tags.as_deref())));
    Ok(updated.chain(pass_role(input.fleet_service_role.as_deref())).collect())
}

/// Changes what is sent. Builds that have a place keep it; those that wait get what there is now.
/// Errors: InvalidInput, FleetNotFound, NotImplemented.
/// Source: CodeBuild API Reference, UpdateFleet.
pub(super) async fn update_fleet(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: UpdateFleet,
) -> Result<UpdateFleetOutput, Error> {
    let name = FleetName::of_arn(&ctx.scope, &input.arn)?;
    let tags = input.tags.as_deref().map(|tags| checked_tags(Some(tags))).transpose()?;
    let machines = OfMachines {
        scaling: input.scaling_configuration.clone(),
        vpc: input.vpc_config.clone(),
        proxy: input.proxy_configuration.clone(),
        image_id: input.image_id.clone(),
    };
    machines.check()?;
    if let Some(role) = &input.fleet_service_role {
        try_role(codebuild, ctx, role).await?;
    }
    let now = ctx.now();
    let write = codebuild.store.write(move |tx| {
        let mut fleet = name.find(tx)?.ok_or_else(|| Error::FleetNotFound(input.arn.clone()))?;
        if fleet.deleting {
            return Err(Error::InvalidInput(format!("Invalid fleet: {} is PENDING_DELETION", input.arn)));
        }
        let settings = std::mem::take(&mut fleet.record.settings.0);
        fleet.record.settings.0 = complete(merge(settings, &input))?;
        if let Some(tags) = &tags {
            fleet.record.tags.clone_from(tags);
        }
        fleet.record.last_modified = now;
        tx.update(&fleet)?;
        capacity::fill(tx, &fleet)?;
        Ok::<_, Error>(fleet.into_inner())
    });
    Ok(UpdateFleetOutput { fleet: Some(shown(codebuild, &write.await?)) })
}

fn merge(settings: model::Fleet, input: &UpdateFleet) -> model::Fleet {
    let input = input.clone();
    model::Fleet {
        base_capacity: input.base_capacity.or(settings.base_capacity),
        environment_type: input.environment_type.or(settings.environment_type),
        // What was said of another compute type says nothing of a new one.
        compute_configuration: match input.compute_type {
            Some(_) => input.compute_configuration,
            None => input.compute_configuration.or(settings.compute_configuration),
        },
        compute_type: input.compute_type.or(settings.compute_type),
        overflow_behavior: input.overflow_behavior.or(settings.overflow_behavior),
        fleet_service_role: input.fleet_service_role.or(settings.fleet_service_role),
        ..settings
    }
}
