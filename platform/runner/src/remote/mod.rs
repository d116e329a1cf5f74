//! Builds on other machines: an executor whose supervisors run elsewhere.
//!
//! A build that is started is **offered**. A worker **leases** it, fetches its files, runs it with an executor of its own
//! and appends to `output.log` and `events.jsonl` here what its supervisor writes there, each piece with its offset, so that
//! it may send a piece twice. Whoever follows the build reads the same two files as of a build of this machine. After the
//! commands the worker sends the files back, and the final event last of all.
//!
//! ```text
//!  offered ── lease ──► leased ── first file is asked for ──► taken ── final event ──► over
//!     ▲  ▲                │                                    │
//!     │  └── not taken ───┘                                    │ no sign of life for as long as a lease lasts:
//!     └── given up before it has begun ────────────────────────┘ over, by a final event from here
//! ```
//!
//! What stands where: the plan, which holds secrets, in memory alone, until the build has begun; after a restart of the
//! server a build that nobody has taken was never started, and its caller starts it again. `lease.json` in the build's
//! folder, from when it is taken: a lease outlasts the server, and begins anew with it. The folders are one node's, and so
//! are its workers.
//!
//! A build never runs twice: its worker holds it to the lease ([`Folder::hold_until`]), so that a worker that is cut off,
//! hangs or is killed has its build ended by the supervisor before the lease ends here.

mod offers;
#[cfg(test)]
mod tests;
mod transfer;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use uuid::Uuid;

use self::offers::{Offer, Offers, Place};
use crate::{
    attachment::{Attachment, Position},
    carry::{self, Direction},
    container::{Container, PullAs, Unprovided},
    event::{Context, Status},
    executor::{ContainerExecutor, Error, Executor, SandboxExecutor},
    folder::{Folder, State},
    plan::{Plan, Pool},
};

pub use offers::blocking;
pub use transfer::Stream;

/// Bytes of one transfer.
pub const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// The longest body that is taken: one event may be longer than a chunk.
pub const LONGEST_BYTES: usize = crate::attachment::MAX_EVENT_BYTES;
/// How long a worker waits for a build in one request.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// How long it waits to be told of a stop.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);
/// Characters of why a worker gives a build up.
const MOST_WORDS: usize = 1000;
/// How long it may take to ask for the first file of what it has leased.
const TAKEN_WITHIN: Duration = Duration::from_secs(15);

/// Who asks, about which build.
#[derive(Clone, Debug)]
pub struct Claim {
    pub id: Uuid,
    /// The hash of the token that was given with the lease.
    pub proof: String,
    /// The workers to which whoever asks belongs.
    pub pool: Pool,
}

/// What a worker is given.
#[derive(Debug)]
pub struct Leased {
    pub plan: Plan,
    /// Without a sign of life for so long, a worker is lost.
    pub lease: Duration,
}

/// What a worker is told whenever it says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The build is to be stopped.
    pub stop: bool,
    /// Bytes of the stream that stand here.
    pub length: u64,
}

/// Why a worker is not listened to.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("This build is not leased to you, or not any more.")]
    NotYours,
    #[error("The bytes do not follow the {length} that are here.")]
    Gap { length: u64 },
    #[error("The build has sent more of it than is taken.")]
    TooMuch,
    #[error("These are no events of a build.")]
    NoEvents,
    #[error("The files of the build: {0}")]
    Files(#[from] crate::archive::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// How many there are now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Workers that have asked for something lately.
    pub workers: u64,
    /// Builds that a worker has.
    pub leased: u64,
    /// Builds that no worker has taken yet.
    pub offered: u64,
}

/// What runs the builds that are not for workers. It has the folders of all builds.
pub enum Local {
    Sandboxes(Arc<SandboxExecutor>),
    Containers(Arc<ContainerExecutor>),
}

impl Local {
    fn builds(&self) -> &SandboxExecutor {
        match self {
            Self::Sandboxes(executor) => executor,
            Self::Containers(executor) => executor.builds(),
        }
    }
}

/// Builds of workers, beside those of this machine: each plan says which it is.
pub struct RemoteExecutor {
    local: Local,
    offers: Arc<Offers>,
    upkeep: JoinHandle<()>,
}

impl Drop for RemoteExecutor {
    fn drop(&mut self) {
        self.upkeep.abort();
    }
}

impl RemoteExecutor {
    /// Takes up what workers have leased of an earlier server. `local` has the folder of builds; a lease ends after `lease`
    /// without a sign of life. Must be called within a runtime.
    pub fn new(local: Local, lease: Duration) -> io::Result<Self> {
        let offers = Arc::new(Offers::new(local.builds().builds().to_owned(), lease));
        offers.recover()?;
        let upkeep = tokio::spawn({
            let offers = offers.clone();
            async move {
                loop {
                    tokio::time::sleep((lease / 20).max(Duration::from_millis(50))).await;
                    let offers = offers.clone();
                    // One that panicked is logged by the runtime, and the next look comes.
                    let _looked =
                        tokio::task::spawn_blocking(move || offers.look_after(Instant::now())).await;
                }
            }
        });
        Ok(Self { local, offers, upkeep })
    }

    /// Leases the build of the pool that has waited longest, or the one that is wanted, to whoever shows the token of
    /// `proof`. Waits for one; none if none came.
    pub async fn lease(
        &self,
        worker: &str,
        pool: &Pool,
        proof: &str,
        wanted: Option<Uuid>,
    ) -> Option<Leased> {
        let mut offered = self.offers.offered.subscribe();
        let mut closing = self.offers.closing.subscribe();
        let leased = async {
            loop {
                if let Some(leased) = self.offers.lease((worker, pool), proof, wanted, Instant::now()) {
                    return Some(leased);
                }
                tokio::select! {
                    changed = offered.changed() => changed.ok()?,
                    _ = closing.wait_for(|closing| *closing) => return None,
                }
            }
        };
        tokio::time::timeout(LONGEST_WAIT, leased).await.ok().flatten()
    }

    /// Answers those who wait, from now on at once: they would hold the end of the server up.
    pub fn stop_waiting(&self) {
        self.offers.closing.send_replace(true);
    }

    /// Part of the archive of the build's files, from `offset` on; empty at its end. With the first one the build is taken.
    pub async fn files(&self, claim: &Claim, offset: u64) -> Result<Vec<u8>, Refused> {
        let (_, mut state) = self.offers.holding(claim).await?;
        let folder = self.offers.folder(claim.id);
        blocking(move || {
            state.take(&folder)?;
            let mut chunk = vec![0; CHUNK_BYTES];
            let length = File::open(folder.carried())?.read_at(&mut chunk, offset)?;
            chunk.truncate(length);
            Ok(chunk)
        })
        .await
    }

    /// Appends what follows `offset`; what stands here already is skipped.
    pub async fn append(
        &self,
        claim: &Claim,
        stream: Stream,
        offset: u64,
        bytes: Bytes,
    ) -> Result<Told, Refused> {
        let (held, mut state) = self.offers.holding(claim).await?;
        let (offers, id) = (self.offers.clone(), claim.id);
        let length = blocking(move || offers.append(id, &mut state, (stream, offset), &bytes)).await?;
        Ok(Told { stop: held.is_to_stop(), length })
    }

    /// A sign of life. Answers after some seconds, or when the build is to be stopped.
    pub async fn alive(&self, claim: &Claim) -> Result<Told, Refused> {
        let (held, state) = self.offers.holding(claim).await?;
        drop(state);
        let mut stop = held.stop.subscribe();
        let mut closing = self.offers.closing.subscribe();
        let wait = async {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => {}
                _ = closing.wait_for(|closing| *closing) => {}
            }
        };
        let _waited = tokio::time::timeout(LONGEST_SILENCE.min(self.offers.lease / 6), wait).await;
        self.offers.holding(claim).await?;
        Ok(Told { stop: held.is_to_stop(), length: 0 })
    }

    /// Puts the files that came as [`Stream::Result`] in the place of those that were sent. May be called again.
    pub async fn take_files(&self, claim: &Claim) -> Result<(), Refused> {
        let (_, mut state) = self.offers.holding(claim).await?;
        let folder = self.offers.folder(claim.id);
        let lease = self.offers.lease;
        blocking(move || {
            let archive = folder.result();
            if archive.try_exists()? {
                carry::unpack(&folder, Direction::FromWorker, &archive)?;
                fs::remove_file(archive)?;
            }
            state.live(lease);
            Ok(())
        })
        .await
    }

    /// The worker cannot bring the build to its end. `again`: another one may, if it has not begun; else it ends as a fault,
    /// for this reason.
    pub async fn give_up(&self, claim: &Claim, again: bool, why: String) -> Result<(), Refused> {
        let (_, mut state) = self.offers.holding(claim).await?;
        let (offers, id) = (self.offers.clone(), claim.id);
        let why: String = why.chars().filter(|char| !char.is_control()).take(MOST_WORDS).collect();
        blocking(move || Ok(offers.give_up(id, &mut state, again, &why)?)).await
    }

    /// Whether a build waits for these workers, or is with them.
    pub fn is_for(&self, id: Uuid, pool: &Pool) -> bool {
        self.offers.is_for(id, pool)
    }

    /// Whether nobody has leased it yet.
    pub fn waits(&self, id: Uuid) -> bool {
        matches!(self.offers.place(id), Some(Place::Waiting))
    }

    /// Whether somebody has leased it and it is not over.
    pub fn is_leased(&self, id: Uuid) -> bool {
        matches!(self.offers.place(id), Some(Place::Leased(_)))
    }

    /// Ends a build that nobody can bring to its end any more: one that has not begun as `status` says, with the context at
    /// its first phase; another as a fault with the context. One that is over stays as it is.
    pub async fn end(&self, id: Uuid, status: Status, context: Context) -> Result<(), Error> {
        let offers = self.offers.clone();
        match self.offers.place(id) {
            None => Ok(()),
            Some(Place::Waiting) => {
                of_folder(id, blocking(move || offers.end_offer(id, status, context)).await)
            }
            Some(Place::Leased(held)) => {
                let mut state = held.state.clone().lock_owned().await;
                let end = move || offers.end_leased(id, &mut state, status, context);
                of_folder(id, blocking(end).await)
            }
        }
    }

    /// By pool; those that have neither workers nor builds are not there.
    pub fn census(&self) -> BTreeMap<Pool, Census> {
        self.offers.census()
    }

    /// Once; a build that is stopped already, or wants what workers cannot give, ends here.
    async fn offer(&self, plan: Plan) -> io::Result<()> {
        let offers = self.offers.clone();
        blocking(move || {
            let folder = offers.folder(plan.id);
            folder.create()?;
            let (id, has_writable) = (plan.id, plan.binds.iter().any(|bind| bind.writable));
            if plan.open.is_some() || plan.container.is_some() || has_writable {
                let why = "Builds on workers run in sandboxes, without sessions and without folders of the server to write to";
                return offers.end_fault(id, why);
            }
            // Each start packs into a file of its own: whoever drove the build before may be packing still.
            let packed = folder.carried().with_extension(Uuid::new_v4().to_string());
            carry::pack(&folder, &plan.binds, Direction::ToWorker, &packed)?;
            let output_base = fs::metadata(folder.output_log())?.len();
            offers.put(Offer::new(plan, output_base), &packed)?;
            // One that was asked for before: whoever asks for it from here on finds the offer.
            match folder.stop_request().try_exists()? {
                true => offers.stop_offer(id),
                false => Ok(()),
            }
        })
        .await
    }

    async fn is_local(&self, id: Uuid) -> Result<bool, Error> {
        let folder = self.offers.folder(id);
        of_folder(id, blocking(move || folder.has_supervisor()).await)
    }

    /// What this machine does for builds.
    fn here(&self) -> &SandboxExecutor {
        self.local.builds()
    }
}

#[async_trait]
impl Executor for RemoteExecutor {
    async fn prepare(&self, id: Uuid) -> Result<Folder, Error> {
        self.here().prepare(id).await
    }

    async fn provide(&self, id: Uuid, container: &Container, pull_as: &PullAs) -> Result<(), Unprovided> {
        self.here().provide(id, container, pull_as).await
    }

    async fn start(&self, plan: &Plan) -> Result<(), Error> {
        if plan.pool.is_none() {
            return self.here().start(plan).await;
        }
        match self.state(plan.id).await? {
            State::NotStarted => of_folder(plan.id, self.offer(plan.clone()).await),
            State::Running | State::Finished(_) | State::Lost => Ok(()),
        }
    }

    async fn state(&self, id: Uuid) -> Result<State, Error> {
        let (offers, folder) = (self.offers.clone(), self.offers.folder(id));
        let look = move || match folder.final_status()? {
            Some(status) => Ok(State::Finished(status)),
            None if folder.has_supervisor()? => folder.state(),
            None if offers.knows(id) || folder.is_leased()? => Ok(State::Running),
            None => Ok::<_, io::Error>(State::NotStarted),
        };
        of_folder(id, blocking(look).await)
    }

    async fn attach(&self, id: Uuid, position: Position) -> Result<Attachment, Error> {
        match self.is_local(id).await? {
            true => self.here().attach(id, position).await,
            false => self.here().attach_to_worker(id, position),
        }
    }

    async fn stop(&self, id: Uuid) -> Result<(), Error> {
        // Writes it down, for whoever begins the build only now; a supervisor of this machine is told.
        self.here().stop(id).await?;
        let offers = self.offers.clone();
        match self.offers.place(id) {
            None => Ok(()),
            Some(Place::Waiting) => of_folder(id, blocking(move || offers.stop_offer(id)).await),
            Some(Place::Leased(held)) => {
                held.stop.send_replace(true);
                let mut state = held.state.clone().lock_owned().await;
                of_folder(id, blocking(move || offers.stop_untaken(id, &mut state)).await)
            }
        }
    }

    async fn remove(&self, id: Uuid) -> Result<(), Error> {
        if self.state(id).await? == State::Running {
            return Err(Error::Running(id));
        }
        self.here().remove(id).await
    }

    async fn discard_layers(&self, owner: &str) -> Result<(), Error> {
        self.here().discard_layers(owner).await
    }
}

fn of_folder<T>(id: Uuid, done: io::Result<T>) -> Result<T, Error> {
    done.map_err(|source| Error::Folder { id, source })
}
