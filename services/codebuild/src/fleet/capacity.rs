//! The places of a fleet: given to new builds, free again with their end, and then given to those who wait.

use codebuild_model::{FleetOverflowBehavior, Project, ProjectEnvironment, ProjectFleet};
use store::{ReadTx, WriteTx};

use super::FleetName;
use crate::{
    driver,
    error::Error,
    records::{Build, Fleet, FleetPlace, InFleet},
};

/// Gives the settings of an environment that names a fleet those of the fleet: AWS too takes environment and compute type
/// from there. Errors: InvalidInput for a fleet that is not there or is going to be deleted.
pub(crate) fn resolve(
    tx: &mut ReadTx<'_>,
    scope: &aws::Scope,
    environment: &mut ProjectEnvironment,
) -> Result<Option<Fleet>, Error> {
    let Some(given) = named(environment).map(str::to_owned) else {
        environment.fleet = None;
        return Ok(None);
    };
    let invalid = |why: &str| Error::InvalidInput(format!("Invalid fleet: {given} {why}"));
    let name = FleetName::parse(scope, &given).filter(|name| name.scope == *scope);
    let name = name.ok_or_else(|| invalid("is no fleet of this account and region"))?;
    let found = tx.get::<Fleet>(&Fleet::key_of(scope, &name.name))?.map(store::Versioned::into_inner);
    let fleet = found.filter(|fleet| name.is_of(fleet)).ok_or_else(|| invalid("cannot be found"))?;
    if fleet.deleting {
        return Err(invalid("is not active: it is PENDING_DELETION"));
    }
    environment.fleet = Some(ProjectFleet { fleet_arn: Some(fleet.arn()) });
    if let Some(kind) = &fleet.settings.0.environment_type {
        environment.r#type = kind.clone();
    }
    if let Some(compute) = &fleet.settings.0.compute_type {
        environment.compute_type = compute.clone();
    }
    Ok(Some(fleet))
}

/// As `resolve`, of a project, with the fleets that its batches may use. Errors: InvalidInput.
pub(crate) fn resolve_project(
    tx: &mut ReadTx<'_>,
    scope: &aws::Scope,
    project: &mut Project,
) -> Result<(), Error> {
    let restrictions = project.build_batch_config.as_ref().and_then(|config| config.restrictions.as_ref());
    let allowed = restrictions.and_then(|restrictions| restrictions.fleets_allowed.as_ref());
    let is_fleet = |text: &&String| FleetName::parse(scope, text).is_some_and(|name| name.scope == *scope);
    if let Some(unknown) = allowed.into_iter().flatten().find(|text| !is_fleet(text)) {
        return Err(Error::InvalidInput(format!(
            "Invalid build batch config: fleetsAllowed has {unknown}, which is no fleet of this account and region"
        )));
    }
    match &mut project.environment {
        Some(environment) => resolve(tx, scope, environment).map(|_| ()),
        None => Ok(()),
    }
}

/// The fleet that an environment names; an empty ARN names none.
pub(crate) fn named(environment: &ProjectEnvironment) -> Option<&str> {
    environment.fleet.as_ref()?.fleet_arn.as_deref().filter(|arn| !arn.is_empty())
}

/// Gives a new build a place in its fleet, if it has one, or one among those who wait. Errors: InvalidInput, TooManyQueued.
pub(crate) fn place(tx: &mut WriteTx<'_>, mut build: Build, queue: u64) -> Result<Build, Error> {
    let scope = build.scope.clone();
    let Some(environment) = &mut build.configuration.0.environment else { return Ok(build) };
    let Some(fleet) = resolve(tx, &scope, environment)? else { return Ok(build) };
    if build.open.is_some() {
        let message =
            "Sandboxes and debug sessions are not available for builds of a fleet: they run on workers";
        return Err(Error::InvalidInput(message.to_owned()));
    }
    let arn = fleet.arn();
    let waiting = tx.count_index::<Build>(Build::FLEET_WAITING, Build::waiting_in(&arn))?;
    let place = match waiting {
        0 => free(tx, &fleet)?,
        _ => overflow(&fleet),
    };
    if place == FleetPlace::Waiting && waiting >= queue {
        return Err(Error::TooManyQueued(queue));
    }
    build.fleet = Some(InFleet { arn, place });
    Ok(build)
}

/// The place of the next build.
fn free(tx: &mut ReadTx<'_>, fleet: &Fleet) -> Result<FleetPlace, store::Error> {
    let held = tx.count_index::<Build>(Build::FLEET_HELD, Build::held_in(&fleet.arn()))?;
    Ok(if held < fleet.capacity() { FleetPlace::Held } else { overflow(fleet) })
}

fn overflow(fleet: &Fleet) -> FleetPlace {
    match &fleet.settings.0.overflow_behavior {
        Some(FleetOverflowBehavior::OnDemand) => FleetPlace::OnDemand,
        Some(FleetOverflowBehavior::Queue | FleetOverflowBehavior::Other(_)) | None => FleetPlace::Waiting,
    }
}

/// After the end of a build: its place goes to the next one, and the fleet that waited for it is deleted.
pub(crate) fn leave(tx: &mut WriteTx<'_>, build: &Build) -> Result<(), store::Error> {
    let Some(InFleet { arn, .. }) = &build.fleet else { return Ok(()) };
    let Some(name) = FleetName::parse(&build.scope, arn) else { return Ok(()) };
    let found = tx.get::<Fleet>(&Fleet::key_of(&name.scope, &name.name))?;
    let Some(fleet) = found.filter(|fleet| name.is_of(fleet)) else { return Ok(()) };
    fill(tx, &fleet)?;
    if fleet.deleting && !is_in_use(tx, &fleet)? {
        tx.delete::<Fleet>(&store::Record::key(&*fleet))?;
    }
    Ok(())
}

/// Whether builds run in it or wait for it.
pub(crate) fn is_in_use(tx: &mut ReadTx<'_>, fleet: &Fleet) -> Result<bool, store::Error> {
    let arn = fleet.arn();
    let held = tx.count_index::<Build>(Build::FLEET_HELD, Build::held_in(&arn))?;
    Ok(held > 0 || tx.count_index::<Build>(Build::FLEET_WAITING, Build::waiting_in(&arn))? > 0)
}

/// Gives what is free to those who wait, the longest first.
pub(crate) fn fill(tx: &mut WriteTx<'_>, fleet: &Fleet) -> Result<(), store::Error> {
    let arn = fleet.arn();
    loop {
        let place = free(tx, fleet)?;
        if place == FleetPlace::Waiting {
            return Ok(());
        }
        let first = tx.scan_index::<Build>(Build::FLEET_WAITING, Build::waiting_in(&arn), 1)?;
        let Some(mut build) = first.records.into_iter().next() else { return Ok(()) };
        build.record.fleet = Some(InFleet { arn: arn.clone(), place });
        tx.update(&build)?;
        driver::enqueue(tx, &build)?;
    }
}
