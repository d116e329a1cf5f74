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
    let fleet = name.find(tx)?.ok_or_else(|| invalid("cannot be found"))?.into_inner();
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
    let waiting = tx.count_index::<Build>(Build::FLEET_WAITING, Build::of_fleet(&arn))?;
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
    let held = tx.count_index::<Build>(Build::FLEET_HELD, Build::of_fleet(&fleet.arn()))?;
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
    let Some(fleet) = name.find(tx)? else { return Ok(()) };
    fill(tx, &fleet)?;
    if fleet.deleting && !is_in_use(tx, &fleet)? {
        tx.delete::<Fleet>(&store::Record::key(&*fleet))?;
    }
    Ok(())
}

/// Whether builds run in it or wait for it.
pub(crate) fn is_in_use(tx: &mut ReadTx<'_>, fleet: &Fleet) -> Result<bool, store::Error> {
    let arn = fleet.arn();
    let held = tx.count_index::<Build>(Build::FLEET_HELD, Build::of_fleet(&arn))?;
    Ok(held > 0 || tx.count_index::<Build>(Build::FLEET_WAITING, Build::of_fleet(&arn))? > 0)
}

/// Gives what is free to those who wait, the longest first.
pub(crate) fn fill(tx: &mut WriteTx<'_>, fleet: &Fleet) -> Result<(), store::Error> {
    let arn = fleet.arn();
    loop {
        let place = free(tx, fleet)?;
        if place == FleetPlace::Waiting {
            return Ok(());
        }
        let first = tx.scan_index::<Build>(Build::FLEET_WAITING, Build::of_fleet(&arn), 1)?;
        let Some(mut build) = first.records.into_iter().next() else { return Ok(()) };
        build.record.fleet = Some(InFleet { arn: arn.clone(), place });
        tx.update(&build)?;
        driver::enqueue(tx, &build)?;
    }
}

#[cfg(test)]
mod tests {
    use codebuild_model as model;
    use proptest::prelude::*;
    use store::{Config, Store};
    use uuid::Uuid;

    use super::*;
    use crate::{
        driver::{BUILDS, FLEET_BUILDS},
        records::{BuildId, Configuration, FleetSettings},
        state::tests::{at, build},
    };

    #[derive(Clone, Debug)]
    enum Step {
        Start,
        /// Of the build with this number, if it has not ended.
        End(usize),
        /// Capacity, and whether the rest runs on demand.
        Update(i32, bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Start),
            2 => (0..12_usize).prop_map(Step::End),
            1 => (1..4, any::<bool>()).prop_map(|(capacity, overflows)| Step::Update(capacity, overflows)),
        ]
    }

    fn settings(capacity: i32, overflows: bool) -> FleetSettings {
        let overflow = if overflows { FleetOverflowBehavior::OnDemand } else { FleetOverflowBehavior::Queue };
        FleetSettings(model::Fleet {
            base_capacity: Some(capacity),
            overflow_behavior: Some(overflow),
            ..model::Fleet::default()
        })
    }

    fn of(fleet: &Fleet, number: u64) -> Build {
        let id = BuildId { project: "demo".into(), uuid: Uuid::from_u128(u128::from(number)) };
        let environment = ProjectEnvironment {
            fleet: Some(ProjectFleet { fleet_arn: Some(fleet.name.clone()) }),
            ..ProjectEnvironment::default()
        };
        let settings = Project { environment: Some(environment), ..Project::default() };
        Build { id, number, configuration: Configuration(settings), ..build() }
    }

    /// What the places of the builds, which are in the order of their starts, must be like.
    fn check(tx: &mut WriteTx<'_>, fleet: &Fleet, begun: u64, most: u64) -> Result<(), Error> {
        let (mut held, mut is_waiting) = (0, false);
        for number in 1..=begun {
            let build = tx.get::<Build>(&store::Record::key(&of(fleet, number)))?.unwrap();
            let entry = build.id.uuid.to_string();
            let queued = [BUILDS, FLEET_BUILDS].map(|queue| tx.is_queued(queue, &entry).unwrap());
            let place = build.fleet.as_ref().unwrap().place;
            match place {
                _ if build.is_complete() => assert_eq!(queued, [false; 2]),
                FleetPlace::Held => {
                    assert!(!is_waiting, "who has waited longest comes first");
                    assert_eq!(queued, [false, true]);
                    held += 1;
                }
                FleetPlace::OnDemand => assert_eq!(queued, [true, false]),
                FleetPlace::Waiting => {
                    assert_eq!(queued, [false, false]);
                    is_waiting = true;
                }
            }
        }
        assert!(held <= most, "{held} of {most}");
        assert!(!is_waiting || held >= fleet.capacity(), "nobody waits for what is free");
        Ok(())
    }

    fn play(tx: &mut WriteTx<'_>, steps: &[Step]) -> Result<(), Error> {
        let mut fleet = Fleet {
            scope: build().scope,
            name: "fleet".into(),
            id: Uuid::nil(),
            created: at(0),
            last_modified: at(0),
            settings: settings(1, false),
            tags: vec![],
            deleting: false,
        };
        tx.put(&fleet)?;
        let (mut begun, mut most) = (0, 1);
        for step in steps {
            match step {
                Step::Start => {
                    begun += 1;
                    let placed = place(tx, of(&fleet, begun), 100)?;
                    tx.put(&placed)?;
                    driver::enqueue(tx, &placed)?;
                }
                Step::End(number) => {
                    let key = store::Record::key(&of(&fleet, *number as u64));
                    let Some(mut found) = tx.get::<Build>(&key)?.filter(|build| !build.is_complete()) else {
                        continue;
                    };
                    driver::dequeue(tx, &found.id.uuid.to_string())?;
                    found.record.ended = Some(at(9));
                    tx.update(&found)?;
                    leave(tx, &found)?;
                }
                Step::Update(capacity, overflows) => {
                    fleet.settings = settings(*capacity, *overflows);
                    most = most.max(fleet.capacity());
                    tx.put(&fleet)?;
                    fill(tx, &fleet)?;
                }
            }
            check(tx, &fleet, begun, most)?;
        }
        // Deleted, it goes with its last build.
        fleet.deleting = true;
        tx.put(&fleet)?;
        for number in 1..=begun {
            assert!(place(tx, of(&fleet, 1000), 100).is_err(), "it takes no new ones");
            let mut found = tx.get::<Build>(&store::Record::key(&of(&fleet, number)))?.unwrap();
            let in_use = is_in_use(tx, &fleet)?;
            assert_eq!(tx.exists::<Fleet>(&store::Record::key(&fleet))?, in_use || number == 1);
            found.record.ended = Some(at(9));
            tx.update(&found)?;
            leave(tx, &found)?;
        }
        assert!(begun == 0 || !tx.exists::<Fleet>(&store::Record::key(&fleet))?);
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn nobody_waits_for_what_is_free_and_nothing_is_given_twice(
            steps in prop::collection::vec(step(), 1..24)
        ) {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let dir = tempfile::tempdir().unwrap();
                let store = Store::open(Config::Sqlite { dir: dir.path().to_owned() }).await.unwrap();
                store.write(move |tx| play(tx, &steps)).await.unwrap();
            });
        }
    }
}
