//! A worker: runs builds of a server on this machine, each in a sandbox or in a container, and sends back what they print
//! and leave. In a container of its own it runs one build beside itself.
//!
//! What the two say to each other stands in `codebuild::workers`, what a lease is in `runner::remote`. A worker that is killed
//! and started again goes on with its builds, if that is before their leases end: their supervisors have not noticed.

mod build;
mod credentials;
pub mod environment;
pub mod first_process;
mod leases;
mod link;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws::Remote;
use runner::{Executor, Sandbox};
use rustix::fs::{FlockOperation, flock};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use self::build::Running;
use self::credentials::OfServer;
use self::environment::{Environment, Unready};
use self::leases::{Leases, Record};
use self::link::{Failure, Link};
use crate::passage::Passage;

/// Before a request that failed is made again.
const PAUSE: Duration = Duration::from_secs(1);
/// How often one build that is asked for by its id is asked for, a third of a minute each.
const ASKS_FOR_ONE: u32 = 3;

pub struct Settings {
    /// The server's address, as builds reach it too.
    pub server: String,
    pub name: String,
    /// The fleet whose builds it gets, by name or ARN; none: those without a fleet.
    pub fleet: Option<String>,
    /// For the builds and their leases.
    pub data: PathBuf,
    /// Builds at one time.
    pub concurrency: usize,
    pub read_only_paths: Vec<PathBuf>,
    pub environment: environment::Settings,
    /// How long builds may go on after the worker was asked to end.
    pub drain: Duration,
    pub once: Option<Once>,
    /// Of the build that it is for, with which it asks instead of with a key.
    pub build_token: Option<String>,
}

/// One build and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    Any,
    Build(Uuid),
}

/// Why a worker ends.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path}: {cause}")]
    Data { path: PathBuf, cause: io::Error },
    #[error("another worker uses {0}: each needs a folder of its own, --data DIR")]
    Taken(PathBuf),
    #[error(transparent)]
    Unready(#[from] Unready),
    #[error("the server at {server} refuses: {refusal}")]
    Refused { server: String, refusal: aws::Error },
    #[error("build {0} does not wait for a worker")]
    NoSuchBuild(Uuid),
}

/// How far the end of a worker has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    #[default]
    NotYet,
    /// It takes no new builds.
    Draining,
    /// It takes no new builds and ends those that it has.
    Now,
}

pub struct Worker {
    settings: Settings,
    link: Link,
    environment: Environment,
    executor: Arc<dyn Executor>,
    leases: Leases,
    passage: Passage,
    remote: Remote,
    ending: watch::Receiver<Ending>,
    /// Held for as long as this lives.
    _lock: File,
}

impl Worker {
    /// `supervisor` holds a build: program and arguments to which its folder is added.
    pub async fn open(
        settings: Settings,
        remote: Remote,
        supervisor: Vec<std::ffi::OsString>,
        ending: watch::Receiver<Ending>,
    ) -> Result<Self, Error> {
        let data = settings.data.clone();
        let at = |path: &Path| {
            let path = path.to_owned();
            move |cause| Error::Data { path, cause }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&data).map_err(at(&data))?;
        let data = data.canonicalize().map_err(at(&data))?;
        let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(data.join("lock"));
        let lock = lock.map_err(at(&data))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Error::Taken(data)),
            Err(error) => return Err(at(&data)(error.into())),
        }
        let sandbox = Sandbox {
            read_only_paths: settings.read_only_paths.clone(),
            hidden_paths: vec![data.clone()],
            ..Sandbox::default()
        };
        let isolation = settings.environment.clone();
        let environment = Environment::open(data.join("builds"), supervisor, sandbox, isolation);
        let environment = environment.map_err(at(&data))?;
        let leases = Leases::open(data.join("leases")).map_err(at(&data))?;
        let passage = Passage::open(&data.join("port")).await.map_err(at(&data))?;
        let (name, fleet) = (settings.name.clone(), settings.fleet.clone());
        let link = Link::new(remote.clone(), name, fleet, environment.has_containers())
            .with_build_token(settings.build_token.clone());
        let executor = environment.executor();
        Ok(Self { settings, link, environment, executor, leases, passage, remote, ending, _lock: lock })
    }

    /// Runs builds until the worker is asked to end and the last one has ended, or until the one is over that it is for.
    pub async fn run(self) -> Result<(), Error> {
        self.environment.check().await?;
        let worker = Arc::new(self);
        let mut passing = JoinSet::new();
        passing.spawn({
            let worker = worker.clone();
            async move { worker.passage.serve(Arc::new(OfServer(worker.remote.clone()))).await }
        });
        let mut running = JoinSet::new();
        let room = Arc::new(Semaphore::new(worker.settings.concurrency));
        for record in worker.leases.all() {
            tracing::info!(build.uuid = %record.build, "a build of before is taken up");
            let (worker, place) = (worker.clone(), room.clone().try_acquire_owned());
            running.spawn(async move {
                Running::new(worker, record).resume().await;
                drop(place);
            });
        }
        tracing::info!(server = worker.settings.server, worker = worker.settings.name, "asking for builds");
        let ended = match worker.settings.once {
            Some(once) => worker.clone().run_one(once).await,
            None => worker.clone().run_many(&room, &mut running).await,
        };
        if !running.is_empty() {
            tracing::info!(builds = running.len(), "waiting for builds to end");
        }
        while running.join_next().await.is_some() {}
        ended
    }

    async fn run_many(
        self: Arc<Self>,
        room: &Arc<Semaphore>,
        running: &mut JoinSet<()>,
    ) -> Result<(), Error> {
        let mut is_known = false;
        loop {
            while running.try_join_next().is_some() {}
            let leased = tokio::select! {
                () = self.comes_to(Ending::Draining) => return Ok(()),
                leased = self.next(room, &mut is_known) => leased?,
            };
            let Some((lease, place)) = leased else { continue };
            let worker = self.clone();
            running.spawn(async move {
                worker.build(lease).await;
                drop(place);
            });
        }
    }

    /// The next build and the place that it takes; none if there was none for a while.
    async fn next(
        &self,
        room: &Arc<Semaphore>,
        is_known: &mut bool,
    ) -> Result<Option<(codebuild::workers::Lease, tokio::sync::OwnedSemaphorePermit)>, Error> {
        let Ok(place) = room.clone().acquire_owned().await else { return Ok(None) };
        match self.link.lease(None).await {
            Ok(lease) => {
                *is_known = true;
                Ok(lease.map(|lease| (lease, place)))
            }
            // At the beginning somebody is there to read it; later, what has been taken back may be given again.
            Err(Failure::Refused(refusal)) if !*is_known => Err(self.refused(refusal)),
            Err(failure) => {
                tracing::warn!(error = %failure, "no builds can be asked for now");
                tokio::time::sleep(PAUSE).await;
                Ok(None)
            }
        }
    }

    async fn run_one(self: Arc<Self>, once: Once) -> Result<(), Error> {
        let wanted = match once {
            Once::Any => None,
            Once::Build(id) => Some(id),
        };
        let mut asks = 0;
        loop {
            let leased = tokio::select! {
                () = self.comes_to(Ending::Draining) => return Ok(()),
                leased = self.link.lease(wanted) => leased,
            };
            match leased {
                Ok(Some(lease)) => {
                    self.build(lease).await;
                    return Ok(());
                }
                Ok(None) => {
                    asks += 1;
                    if let Some(id) = wanted.filter(|_| asks >= ASKS_FOR_ONE) {
                        return Err(Error::NoSuchBuild(id));
                    }
                }
                Err(Failure::Refused(refusal)) => return Err(self.refused(refusal)),
                Err(failure) => {
                    tracing::warn!(error = %failure, "no build can be asked for now");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn build(self: Arc<Self>, lease: codebuild::workers::Lease) {
        let record = Record::of(&lease);
        tracing::info!(build.uuid = %record.build, "a build begins");
        Running::new(self, record).run(lease.plan).await;
    }

    fn refused(&self, refusal: aws::Error) -> Error {
        Error::Refused { server: self.settings.server.clone(), refusal }
    }

    async fn comes_to(&self, ending: Ending) {
        let mut comes = self.ending.clone();
        if comes.wait_for(|now| *now >= ending).await.is_err() {
            // Nobody can ask it to end any more.
            std::future::pending::<()>().await;
        }
    }
}
