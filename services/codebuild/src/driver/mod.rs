//! Leads builds through their phases.
//!
//! A build waits in a queue of the store. Whoever claims it takes the record, does what its open phase asks for, and
//! commits the result with the events that tell of it; then the next phase, until the build is complete. Every step can
//! be done again: a crash leaves a record that says where to go on, and the claim of a driver that died ends with its
//! lease. The commands themselves are held by a supervisor process that does not die with the driver.

pub(crate) mod commands;
mod deliveries;
mod discover;
mod download;
mod drive;
mod finish;
mod follow;
mod git_source;
mod log;
mod merge;
pub(crate) mod plan;
mod provision;
mod queue;
mod reports;
pub(crate) mod secrets;
mod statuses;
mod upload;

use std::{sync::Arc, time::Duration};

use aws::{Scope, Timestamp};
use codebuild_model::BuildPhaseType;
use serde::{Deserialize, Serialize};
use store::{Claimed, Key, WriteTx};
use tokio::{sync::Semaphore, task::JoinSet};

pub(crate) use deliveries::DELIVERIES;
pub(crate) use drive::Drive;
pub(crate) use merge::MERGES;
pub(crate) use provision::stream_of;
pub(crate) use statuses::{report, report_batch};

use crate::{
    CodeBuild,
    records::{Build, BuildId, FleetPlace},
    service::change,
    state::{Change, Outcome},
};

/// Builds that wait or run. An entry leaves it with the end of its build.
pub(crate) const BUILDS: &str = "codebuild/builds";
/// Builds that have a place in their fleet.
pub(crate) const FLEET_BUILDS: &str = "codebuild/fleet-builds";
/// Builds that wait, due when they have waited too long.
pub(crate) const QUEUED_TIMEOUTS: &str = "codebuild/queued-timeouts";

/// Builds of all fleets that are driven at one time. How many run in one is the fleet's own.
const MOST_FLEET_BUILDS: usize = 4096;

/// Before a loop that met an error goes on.
const PAUSE: Duration = Duration::from_secs(1);

/// An entry of both queues.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub scope: Scope,
    pub build: BuildId,
}

impl Entry {
    pub fn of(build: &Build) -> Self {
        Self { scope: build.scope.clone(), build: build.id.clone() }
    }

    pub fn id(&self) -> String {
        self.build.uuid.to_string()
    }

    pub fn key(&self) -> Key {
        Build::key_of(&self.scope, &self.build)
    }
}

/// Has a build driven; not one that still waits for a place in its fleet.
pub(crate) fn enqueue(tx: &mut WriteTx<'_>, build: &Build) -> Result<(), store::Error> {
    let entry = Entry::of(build);
    match queue_of(build) {
        Some(queue) => tx.enqueue(queue, &entry.id(), &entry, None).map(|_| ()),
        None => Ok(()),
    }
}

/// Where a build waits for a driver.
pub(crate) fn queue_of(build: &Build) -> Option<&'static str> {
    match build.fleet.as_ref().map(|fleet| fleet.place) {
        None | Some(FleetPlace::OnDemand) => Some(BUILDS),
        Some(FleetPlace::Held) => Some(FLEET_BUILDS),
        Some(FleetPlace::Waiting) => None,
    }
}

/// Of one that is over before it was driven.
pub(crate) fn dequeue(tx: &mut WriteTx<'_>, entry: &str) -> Result<(), store::Error> {
    tx.dequeue(BUILDS, entry)?;
    tx.dequeue(FLEET_BUILDS, entry).map(|_| ())
}

/// Why a build cannot be driven on right now. Its claim is given back and it is taken up again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Runner(#[from] runner::Error),
    #[error("the build's folder: {0}")]
    Io(#[from] std::io::Error),
    /// Another service answered with a fault of its own.
    #[error("{0}")]
    Service(aws::Error),
    #[error("the record of the build is gone")]
    Gone,
}

pub(crate) async fn run(codebuild: Arc<CodeBuild>) {
    let mut loops = JoinSet::new();
    loops.spawn(claim_builds(codebuild.clone(), BUILDS, codebuild.config.concurrency));
    loops.spawn(claim_builds(codebuild.clone(), FLEET_BUILDS, MOST_FLEET_BUILDS));
    loops.spawn(end_waits(codebuild.clone()));
    loops.spawn(crate::auto_retry::run(codebuild.clone()));
    loops.spawn(crate::batch::orchestrate::run(codebuild.clone()));
    loops.spawn(crate::expiry::run(codebuild.clone()));
    codebuild.git.clean_up();
    loops.spawn(queue::work_off(codebuild.clone(), DELIVERIES, deliveries::decide));
    loops.spawn(queue::work_off(codebuild.clone(), MERGES, merge::merge));
    loops.spawn(queue::work_off(codebuild, statuses::REPORTS, statuses::tell));
    // The loops never end by themselves; one that panicked must not go unnoticed.
    while let Some(ended) = loops.join_next().await {
        tracing::error!(?ended, "a loop of the build driver ended");
    }
}

/// Claims a build whenever there is room for one. Builds under way end with this future, to be taken up again.
async fn claim_builds(codebuild: Arc<CodeBuild>, queue: &'static str, room: usize) {
    let room = Arc::new(Semaphore::new(room));
    let mut running = JoinSet::new();
    loop {
        while running.try_join_next().is_some() {}
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        match codebuild.store.claim(queue, "codebuild", codebuild.lease).await {
            Ok(claimed) => {
                let codebuild = codebuild.clone();
                running.spawn(async move {
                    drive::hold(&codebuild, &claimed).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "builds cannot be claimed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Ends builds that have waited too long.
async fn end_waits(codebuild: Arc<CodeBuild>) {
    loop {
        let ended = async {
            let claimed = codebuild.store.claim(QUEUED_TIMEOUTS, "codebuild", codebuild.lease).await?;
            end_wait(&codebuild, claimed).await
        };
        if let Err(error) = ended.await {
            tracing::warn!(%error, "a build that has waited too long could not be ended");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn end_wait(codebuild: &CodeBuild, claimed: Claimed) -> Result<(), store::Error> {
    let entry: Entry = claimed.payload.parse()?;
    let at = Timestamp::now();
    let write = codebuild.store.write(move |tx| {
        let key = entry.key();
        if tx.get::<Build>(&key)?.is_some_and(|build| build.open_phase() == Some(&BuildPhaseType::Queued)) {
            let outcome = Outcome { context: None, ..Outcome::timed_out() };
            let left = Change::Leave { phase: BuildPhaseType::Queued, outcome, at };
            change(tx, &key, &[left, Change::Complete { at }], None, at)?;
            dequeue(tx, &entry.id())?;
        }
        tx.complete(&claimed)
    });
    write.await
}
