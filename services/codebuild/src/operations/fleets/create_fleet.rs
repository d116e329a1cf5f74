use aws::Ctx;
use codebuild_model::{self as model, CreateFleet, CreateFleetOutput};
use uuid::Uuid;

use super::shown;
use crate::{
    CodeBuild,
    error::Error,
    fleet::settings::{OfMachines, complete},
    operations::{create_project::try_role, tags::checked_tags},
    records::{Fleet, FleetSettings},
};

/// Creates a fleet. It is there at once; workers join it by its name.
/// Errors: InvalidInput, FleetAlreadyExists, NotImplemented.
/// Source: CodeBuild API Reference, CreateFleet.
pub(super) async fn create_fleet(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: CreateFleet,
) -> Result<CreateFleetOutput, Error> {
    let machines = OfMachines {
        scaling: input.scaling_configuration,
        vpc: input.vpc_config,
        proxy: input.proxy_configuration,
        image_id: input.image_id,
    };
    let settings = complete(model::Fleet {
        base_capacity: Some(input.base_capacity),
        environment_type: Some(input.environment_type),
        compute_type: Some(input.compute_type),
        compute_configuration: input.compute_configuration,
        overflow_behavior: input.overflow_behavior,
        fleet_service_role: input.fleet_service_role,
        ..model::Fleet::default()
    })?;
    machines.check()?;
    if let Some(role) = &settings.fleet_service_role {
        try_role(codebuild, ctx, role).await?;
    }
    let fleet = Fleet {
        scope: ctx.scope.clone(),
        name: input.name,
        id: Uuid::new_v4(),
        created: ctx.now(),
        last_modified: ctx.now(),
        settings: FleetSettings(settings),
        tags: checked_tags(input.tags.as_deref())?,
        deleting: false,
    };
    let output = shown(codebuild, &fleet);
    let write = codebuild.store.write(move |tx| match tx.put_if(&fleet, None) {
        Err(store::Error::Conflict { .. }) => Err(Error::FleetAlreadyExists(fleet.name.clone())),
        other => Ok(other.map(|_| ())?),
    });
    write.await?;
    Ok(CreateFleetOutput { fleet: Some(output) })
}
