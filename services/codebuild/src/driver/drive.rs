//! One build in one driver: from its claim to its end, or to the loss of the claim.

use std::{collections::BTreeMap, time::Duration};

use aws::Timestamp;
use codebuild_model::{BuildPhaseType, StatusType};
use runner::PullAs;
use store::{Claimed, Key};
use tokio::sync::OnceCell;

use super::{Entry, Fault, PAUSE, QUEUED_TIMEOUTS, commands, download, finish, follow, provision, upload};
use crate::{
    CodeBuild,
    buildspec::DOWNLOAD_SOURCE,
    records::{Build, Progress, Step},
    role::Role,
    service::{StopSignal, change},
    state::{Change, Outcome},
};

/// What a driver has at hand.
pub(crate) struct Drive<'a> {
    pub codebuild: &'a CodeBuild,
    pub claimed: &'a Claimed,
    pub key: Key,
    pub stop: StopSignal<'a>,
    pub role: Role,
    /// Fetched once, unless a crash comes between; never written down.
    pub secrets: OnceCell<BTreeMap<String, String>>,
    /// As `secrets`.
    pub pull_as: OnceCell<PullAs>,
}

/// Why a phase that is done here did not go well.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The phase ends so.
    Ends(Outcome),
    /// It is tried again later.
    Fault(Fault),
}

impl<F: Into<Fault>> From<F> for Trouble {
    fn from(fault: F) -> Self {
        Self::Fault(fault.into())
    }
}

impl Trouble {
    /// What another service answered: a refusal ends the phase in the words of `outcome`, a fault is tried again.
    pub fn of(error: aws::Error, outcome: impl FnOnce(&aws::Error) -> Outcome) -> Self {
        match error.is_fault() {
            true => Self::Fault(Fault::Service(error)),
            false => Self::Ends(outcome(&error)),
        }
    }
}

/// Holds a claimed build until it has ended or the claim is lost.
pub(super) async fn hold(codebuild: &CodeBuild, claimed: &Claimed) {
    let entry: Entry = match claimed.payload.parse() {
        Ok(entry) => entry,
        Err(error) => {
            tracing::error!(%error, entry = claimed.id, "an entry of the build queue cannot be read");
            return;
        }
    };
    let driven = tokio::select! {
        driven = drive(codebuild, claimed, &entry) => driven,
        error = stay_alive(codebuild, claimed, &entry) => Err(Fault::Store(error)),
    };
    let Err(fault) = driven else { return };
    if matches!(fault, Fault::Store(store::Error::LeaseLost { .. })) {
        // Somebody else has it, or it has ended.
        return;
    }
    tracing::warn!(%fault, build.id = %entry.build, attempt = claimed.attempt, "a build cannot be driven on now");
    let left = match claimed.attempt {
        attempt if attempt >= codebuild.attempts.saturating_mul(2) => {
            abandon(codebuild, claimed, &entry, &fault).await
        }
        attempt if attempt >= codebuild.attempts => give_up(codebuild, claimed, &entry, &fault).await,
        _ => codebuild.store.release(claimed, PAUSE).await,
    };
    if let Err(error) = left {
        tracing::warn!(%error, build.id = %entry.build, "its claim ends with its lease");
    }
}

/// Prolongs the claim, and learns of a stop that another process was asked for. Ends with an error only.
async fn stay_alive(codebuild: &CodeBuild, claimed: &Claimed, entry: &Entry) -> store::Error {
    loop {
        tokio::time::sleep(codebuild.lease / 3).await;
        match codebuild.store.heartbeat(claimed, codebuild.lease).await {
            Ok(()) => {}
            Err(error @ store::Error::LeaseLost { .. }) => return error,
            Err(error) => tracing::warn!(%error, build.id = %entry.build, "a sign of life was not heard"),
        }
        if let Ok(Some(build)) = codebuild.find_build(&entry.key()).await
            && build.stopping
        {
            codebuild.stops().stop(build.id.uuid);
        }
    }
}

/// Has a build end as a fault. Whoever drives it next tidies up.
async fn give_up(
    codebuild: &CodeBuild,
    claimed: &Claimed,
    entry: &Entry,
    fault: &Fault,
) -> Result<(), store::Error> {
    // Nobody follows its commands any more, if there are any.
    if let Err(error) = codebuild.executor.stop(entry.build.uuid).await {
        tracing::warn!(%error, build.id = %entry.build, "a build that cannot be driven on could not be stopped");
    }
    let (key, claimed, why, at) = (entry.key(), claimed.clone(), fault.to_string(), Timestamp::now());
    let write = codebuild.store.write(move |tx| {
        if let Some(build) = tx.get::<Build>(&key)? {
            change(tx, &key, &follow::given_up(&build, why.clone(), at), None, at)?;
        }
        tx.release(&claimed, PAUSE)
    });
    write.await
}

/// Ends a build that cannot even be tidied up. Its folder stays.
async fn abandon(
    codebuild: &CodeBuild,
    claimed: &Claimed,
    entry: &Entry,
    fault: &Fault,
) -> Result<(), store::Error> {
    let (key, claimed, why, at) = (entry.key(), claimed.clone(), fault.to_string(), Timestamp::now());
    let write = codebuild.store.write(move |tx| {
        if let Some(build) = tx.get::<Build>(&key)? {
            let mut changes = follow::given_up(&build, why.clone(), at);
            let outcome = Outcome::fault(why.clone());
            changes.push(Change::Leave { phase: BuildPhaseType::Finalizing, outcome, at });
            changes.push(Change::Complete { at });
            commands::end_all(tx, &build, at)?;
            change(tx, &key, &changes, None, at)?;
            tx.delete::<Progress>(&key)?;
        }
        tx.complete(&claimed)
    });
    write.await
}

async fn drive(codebuild: &CodeBuild, claimed: &Claimed, entry: &Entry) -> Result<(), Fault> {
    let key = entry.key();
    let Some(build) = codebuild.find_build(&key).await? else {
        let claimed = claimed.clone();
        return Ok(codebuild.store.write(move |tx| tx.complete(&claimed)).await?);
    };
    let (role, stop) = (Role::of(&codebuild.client, &build), codebuild.stops().listen(build.id.uuid));
    let (secrets, pull_as) = (OnceCell::new(), OnceCell::new());
    let drive = Drive { codebuild, claimed, key, stop, role, secrets, pull_as };
    if build.stopping {
        codebuild.stops().stop(build.id.uuid);
    }
    drive.to_the_end(build).await
}

impl Drive<'_> {
    async fn to_the_end(&self, mut build: Build) -> Result<(), Fault> {
        while !build.is_complete() {
            build = match (build.step, build.open_phase()) {
                (Step::Running, _) => follow::follow(self, build).await?,
                (_, Some(BuildPhaseType::Queued)) => self.leave_queue().await?,
                (_, Some(BuildPhaseType::Provisioning)) => {
                    let done = self.guarded(&build, provision::provision(self, &build)).await;
                    self.next(BuildPhaseType::Provisioning, BuildPhaseType::DownloadSource, done).await?
                }
                (_, Some(BuildPhaseType::DownloadSource)) => {
                    let done = self.guarded(&build, download::download(self, &build)).await;
                    download::close_log(self, &build, &done).await?;
                    self.downloaded(&build, done).await?
                }
                (_, Some(BuildPhaseType::UploadArtifacts)) => {
                    let done = self.guarded(&build, upload::upload_and_save(self, &build)).await;
                    upload::close_log(self, &build, &done).await?;
                    self.next(BuildPhaseType::UploadArtifacts, BuildPhaseType::Finalizing, done).await?
                }
                (Step::Preparing | Step::Ran, _) => return finish::finish(self, &build).await,
            };
        }
        // Ended by somebody else, for example while it waited.
        let claimed = self.claimed.clone();
        Ok(self.codebuild.store.write(move |tx| tx.complete(&claimed)).await?)
    }

    async fn leave_queue(&self) -> Result<Build, Fault> {
        let (key, entry, at) = (self.key.clone(), self.claimed.id.clone(), Timestamp::now());
        let changes = [
            Change::Leave { phase: BuildPhaseType::Queued, outcome: Outcome::passed(), at },
            Change::Enter { phase: BuildPhaseType::Provisioning, at },
        ];
        let write = self.codebuild.store.write(move |tx| {
            tx.dequeue(QUEUED_TIMEOUTS, &entry)?;
            // Stopped at the very moment at which it was claimed: it stays as it is.
            change(tx, &key, &changes, None, at)
        });
        write.await?.ok_or(Fault::Gone)
    }

    /// Work of a phase, unless the build is stopped or out of time before it is done.
    async fn guarded<T>(
        &self,
        build: &Build,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        tokio::select! {
            done = work => done,
            () = self.stop.stopped() => Err(Trouble::Ends(Outcome::stopped())),
            () = tokio::time::sleep(time_left(build)) => Err(Trouble::Ends(Outcome::timed_out())),
        }
    }

    /// After the source: commands follow, or nothing more.
    async fn downloaded(&self, build: &Build, done: Result<Vec<Change>, Trouble>) -> Result<Build, Fault> {
        let phase = BuildPhaseType::DownloadSource;
        let has_commands = build.part_of.as_ref().is_none_or(|part| part.identifier != DOWNLOAD_SOURCE);
        match done {
            Ok(mut changes) if has_commands => {
                changes.push(Change::Leave { phase, outcome: Outcome::succeeded(), at: Timestamp::now() });
                changes.push(Change::Step(Step::Running));
                self.commit(changes, None).await
            }
            done => self.next(phase, BuildPhaseType::Finalizing, done).await,
        }
    }

    /// Leaves a phase. One that went well leads to `following`; one that was stopped or timed out ends the build;
    /// any other to FINALIZING.
    async fn next(
        &self,
        phase: BuildPhaseType,
        following: BuildPhaseType,
        done: Result<Vec<Change>, Trouble>,
    ) -> Result<Build, Fault> {
        let at = Timestamp::now();
        let (mut changes, outcome) = match done {
            Ok(changes) => (changes, Outcome::succeeded()),
            Err(Trouble::Ends(outcome)) => (Vec::new(), outcome),
            Err(Trouble::Fault(fault)) => return Err(fault),
        };
        let next = match outcome.status {
            StatusType::Succeeded => Some(following),
            StatusType::Stopped | StatusType::TimedOut => None,
            StatusType::Failed | StatusType::Fault | StatusType::InProgress | StatusType::Other(_) => {
                Some(BuildPhaseType::Finalizing)
            }
        };
        changes.push(Change::Leave { phase, outcome, at });
        changes.extend(next.map(|phase| Change::Enter { phase, at }));
        self.commit(changes, None).await
    }

    pub async fn commit(&self, changes: Vec<Change>, progress: Option<Progress>) -> Result<Build, Fault> {
        let (key, at) = (self.key.clone(), Timestamp::now());
        let write = self.codebuild.store.write(move |tx| change(tx, &key, &changes, progress.as_ref(), at));
        write.await?.ok_or(Fault::Gone)
    }

    /// How far this build's output and events have been taken in.
    pub async fn progress(&self, build: &Build) -> Result<Progress, Fault> {
        let key = self.key.clone();
        let found = self.codebuild.store.read(move |tx| tx.get::<Progress>(&key)).await?;
        Ok(found.map_or_else(
            || Progress {
                scope: build.scope.clone(),
                id: build.id.clone(),
                position: runner::Position::default(),
                evaluated: BTreeMap::new(),
            },
            store::Versioned::into_inner,
        ))
    }
}

/// Of the build's timeout, which counts from when it left the queue.
pub(super) fn time_left(build: &Build) -> Duration {
    let minutes = u64::try_from(build.configuration.0.timeout_in_minutes.unwrap_or(60)).unwrap_or(60);
    let begun = build.phases.iter().find(|phase| phase.kind == BuildPhaseType::Provisioning);
    let begun = begun.map_or(build.started, |phase| phase.started);
    Duration::from_secs(minutes * 60).saturating_sub(Timestamp::now().since(begun))
}
