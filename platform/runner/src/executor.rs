//! Starting, finding again, stopping and removing builds.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use rustix::process::{Signal, pidfd_send_signal};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    sync::Mutex,
    time::timeout,
};
use uuid::Uuid;

use crate::{
    attachment::{Attachment, Position},
    container::{Client, Container, Engine, EngineProblem, PullAs, Shelf, Unprovided, Volume},
    direct::Direct,
    folder::{Assignment, Folder, Isolation, State},
    plan::Plan,
    sandbox::{Problem, Sandbox},
    supervisor::control_group,
    timestamp::agent_line,
    watch::Watcher,
};

/// How long a supervisor may take to say that it is there; it does so within milliseconds.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// What of a supervisor's complaints is reported.
const COMPLAINT_BYTES: u64 = 4096;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the folder of build {id}: {source}")]
    Folder { id: Uuid, source: io::Error },
    #[error("no supervisor could be started for build {id}: {reason}")]
    Supervisor { id: Uuid, reason: String },
    #[error("build {0} is for workers, and they are not asked here")]
    Elsewhere(Uuid),
    #[error("build {0} is still running")]
    Running(Uuid),
    #[error("Docker layers: {0}")]
    Layers(String),
    #[error("the container of build {id} cannot be removed: the container engine {source}")]
    Container { id: Uuid, source: EngineProblem },
}

/// Runs plans, each in an environment of its own. Everything is addressed by the build's id and may be repeated.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Makes the build's folder, if it is missing, for the caller to put the source into.
    async fn prepare(&self, id: Uuid) -> Result<Folder, Error>;

    /// Sees to it that what a container is made of is on this machine: pulls its image. May be called again, and be
    /// dropped at any time. The build must have been prepared.
    async fn provide(&self, id: Uuid, container: &Container, pull_as: &PullAs) -> Result<(), Unprovided>;

    /// Starts the plan, once: if this build runs already, has ended or was lost, nothing happens.
    async fn start(&self, plan: &Plan) -> Result<(), Error>;

    /// What is known of a build; `NotStarted` also if it was never prepared.
    async fn state(&self, id: Uuid) -> Result<State, Error>;

    /// Follows a build that was prepared, from `position` on.
    async fn attach(&self, id: Uuid, position: Position) -> Result<Attachment, Error>;

    /// Asks a build to end: SIGTERM for its processes, SIGKILL after the plan's grace. Returns when it has been
    /// asked; that it has ended is told by its final event. A build that is started later ends at once.
    async fn stop(&self, id: Uuid) -> Result<(), Error>;

    /// Deletes the build's folder, and what a lost supervisor has left of its environment. Refused while the build
    /// runs.
    async fn remove(&self, id: Uuid) -> Result<(), Error>;

    /// Forgets the layers that an owner's builds have kept of their own engines. No build that starts later gets them.
    async fn discard_layers(&self, owner: &str) -> Result<(), Error>;
}

/// Builds in bubblewrap sandboxes on this machine. A plan with a container is refused.
pub struct SandboxExecutor {
    watcher: Watcher,
    starter: Arc<Starter>,
}

/// What starting a build takes.
struct Starter {
    builds: PathBuf,
    supervisor: Vec<OsString>,
    sandbox: Sandbox,
    engine: Option<Engine>,
    /// Instead of a sandbox.
    direct: Option<Direct>,
    /// One start at a time: from looking at a folder's state to the supervisor that has changed it.
    starting: Mutex<()>,
}

impl SandboxExecutor {
    /// - `builds`: the folder of all build folders; made if it is missing.
    /// - `supervisor`: program and arguments to which a build's folder is added and which call
    ///   [`crate::supervisor::main`]. Not empty.
    ///
    /// Must be called within a Tokio runtime.
    pub fn new(builds: PathBuf, supervisor: Vec<OsString>, sandbox: Sandbox) -> io::Result<Self> {
        Self::with_engine(builds, supervisor, sandbox, None)
    }

    fn with_engine(
        builds: PathBuf,
        supervisor: Vec<OsString>,
        mut sandbox: Sandbox,
        engine: Option<Engine>,
    ) -> io::Result<Self> {
        fs::create_dir_all(&builds)?;
        let builds = builds.canonicalize()?;
        sandbox.hidden_paths.push(builds.clone());
        let starting = Mutex::default();
        let starter = Starter { builds, supervisor, sandbox, engine, direct: None, starting };
        Ok(Self { watcher: Watcher::new()?, starter: Arc::new(starter) })
    }

    /// As [`SandboxExecutor::new`], for the one build of a container, which runs in no sandbox within it.
    pub fn without_sandbox(builds: PathBuf, supervisor: Vec<OsString>, direct: Direct) -> io::Result<Self> {
        fs::create_dir_all(&builds)?;
        let (builds, sandbox, starting) = (builds.canonicalize()?, Sandbox::default(), Mutex::default());
        let starter = Starter { builds, supervisor, sandbox, engine: None, direct: Some(direct), starting };
        Ok(Self { watcher: Watcher::new()?, starter: Arc::new(starter) })
    }

    /// Whether builds can run on this machine, and if not, why and what helps.
    pub async fn check(&self) -> Result<(), Problem> {
        let sandbox = self.starter.sandbox.clone();
        let checked = tokio::task::spawn_blocking(move || sandbox.check()).await;
        checked.unwrap_or_else(|error| Err(Problem::Refused(error.to_string())))
    }

    fn folder(&self, id: Uuid) -> Folder {
        self.starter.folder(id)
    }

    /// The folder of all build folders.
    pub(crate) fn builds(&self) -> &Path {
        &self.starter.builds
    }

    /// Follows a build that a worker runs, or will run.
    pub(crate) fn attach_to_worker(&self, id: Uuid, position: Position) -> Result<Attachment, Error> {
        let folder = self.folder(id);
        let attach = || Attachment::of_worker(folder.clone(), position, self.watcher.watch(folder.path())?);
        attach().map_err(|source| Error::Folder { id, source })
    }
}

/// Builds in containers of an engine on this machine: those whose plan has one. The others run in sandboxes.
///
/// Everything about a build but the start of its environment is the same for both: they share their folders and their
/// supervisor, so what one executor has started the other can follow, stop and remove.
pub struct ContainerExecutor {
    builds: SandboxExecutor,
    engine: Engine,
}

impl ContainerExecutor {
    /// As [`SandboxExecutor::new`], with the engine that holds the containers.
    pub fn new(
        builds: PathBuf,
        supervisor: Vec<OsString>,
        sandbox: Sandbox,
        engine: Engine,
    ) -> io::Result<Self> {
        let builds = SandboxExecutor::with_engine(builds, supervisor, sandbox, Some(engine.clone()))?;
        Ok(Self { builds, engine })
    }

    /// Folders and supervisors of builds, with and without a container.
    pub(crate) fn builds(&self) -> &SandboxExecutor {
        &self.builds
    }

    /// Whether the engine answers; gives its version.
    pub async fn check(&self) -> Result<String, EngineProblem> {
        self.engine.check().await
    }

    /// Whether builds without a container can run on this machine, and if not, why and what helps.
    pub async fn check_sandbox(&self) -> Result<(), Problem> {
        self.builds.check().await
    }

    /// Ends containers that nobody holds any more: whose supervisor was killed, or whose folder is gone because the
    /// engine did not answer when the build ended.
    pub async fn remove_leftovers(&self) -> Result<(), Error> {
        let builds = self.engine.builds(&self.builds.starter.builds).await;
        for id in builds.map_err(|source| Error::Container { id: Uuid::nil(), source })? {
            if self.state(id).await? != State::Running {
                let removed = Client::new(&self.engine, id).remove().await;
                removed.map_err(|source| Error::Container { id, source })?;
            }
        }
        let starter = &self.builds.starter;
        let _one_at_a_time = starter.starting.lock().await;
        starter.shelf(&self.engine).sweep().await.map_err(|error| Error::Layers(error.to_string()))
    }
}

/// Runs file operations off the runtime's threads.
async fn with_folder<T: Send + 'static>(
    folder: Folder,
    id: Uuid,
    work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(move || work(&folder)).await.map_err(io::Error::other);
    done.and_then(|done| done).map_err(|source| Error::Folder { id, source })
}

impl Starter {
    fn folder(&self, id: Uuid) -> Folder {
        Folder::new(self.builds.join(id.to_string()))
    }

    async fn start(&self, plan: Plan) -> Result<(), Error> {
        if plan.pool.is_some() {
            return Err(Error::Elsewhere(plan.id));
        }
        let _one_at_a_time = self.starting.lock().await;
        let id = plan.id;
        // Nobody waits for it: a start does without if it takes longer.
        drop(tokio::task::spawn_blocking(control_group::prepare_admission));
        let isolation = match (plan.container.clone(), &self.engine) {
            (None, _) => match &self.direct {
                Some(direct) => Isolation::Direct(direct.clone()),
                None => Isolation::Sandbox(self.sandbox.clone()),
            },
            (Some(container), Some(engine)) => {
                let volumes = self.layers(id, engine, &container).await?;
                Isolation::Container { engine: engine.clone(), container, volumes }
            }
            (Some(_), None) => {
                return Err(Error::Supervisor { id, reason: Unprovided::NoEngine.to_string() });
            }
        };
        let assignment = Assignment { plan, isolation };
        let is_to_start = with_folder(self.folder(id), id, move |folder| {
            folder.create()?;
            match folder.state()? {
                State::NotStarted => {}
                State::Running | State::Finished(_) | State::Lost => return Ok(false),
            }
            // A supervisor that a killed server has just started may hold the lock without having said so. The plan is
            // written under the lock: whoever takes it next reads the plan and deletes it.
            let Some(_lock) = folder.lock()? else { return Ok(false) };
            folder.write_assignment(&assignment).map(|()| true)
        });
        match is_to_start.await? {
            true => self.spawn_supervisor(id).await,
            false => Ok(()),
        }
    }

    fn shelf<'a>(&'a self, engine: &'a Engine) -> Shelf<'a> {
        Shelf { engine, builds: &self.builds }
    }

    /// The volumes of a build that keeps the layers of its own engine. One that cannot have them runs without.
    async fn layers(&self, id: Uuid, engine: &Engine, container: &Container) -> Result<Vec<Volume>, Error> {
        let Some(wanted) = container.layers.as_ref().filter(|_| container.privileged) else {
            return Ok(Vec::new());
        };
        let folder = self.folder(id);
        let begun = with_folder(folder.clone(), id, |folder| {
            folder.create()?;
            folder.state().map(|state| state != State::NotStarted)
        });
        if begun.await? {
            return Ok(Vec::new());
        }
        let (volumes, said) = match self.shelf(engine).lease(&folder, wanted).await {
            Ok((volumes, true)) => (volumes, "Docker layers of an earlier build are there".to_owned()),
            Ok((volumes, false)) => (volumes, "No Docker layers of an earlier build were found".to_owned()),
            Err(error) => (Vec::new(), format!("Docker layers are not kept: {error}")),
        };
        folder.append_output(&agent_line(&said)).map_err(|source| Error::Folder { id, source })?;
        Ok(volumes)
    }

    /// Keeps the layers of a build whose container is gone, within bounds.
    async fn keep_layers(&self, id: Uuid, engine: &Engine) {
        let (shelf, folder) = (self.shelf(engine), self.folder(id));
        if !folder.layers_record().exists() {
            return;
        }
        let bytes = shelf.measure(&folder).await.unwrap_or_else(|error| {
            tracing::warn!(%error, build.id = %id, "Docker layers of a build cannot be measured, and are not kept");
            None
        });
        let _one_at_a_time = self.starting.lock().await;
        if let Err(error) = shelf.take_back(&folder, bytes).await {
            tracing::warn!(%error, build.id = %id, "Docker layers are left to the next start");
        }
    }

    /// Returns when the supervisor has recorded itself and holds its lock.
    async fn spawn_supervisor(&self, id: Uuid) -> Result<(), Error> {
        let folder = self.folder(id);
        let refused = |reason: String| Error::Supervisor { id, reason };
        let [program, arguments @ ..] = self.supervisor.as_slice() else {
            return Err(refused("no program is configured".to_owned()));
        };
        let log = fs::File::create(folder.supervisor_log()).map_err(|source| Error::Folder { id, source })?;
        let mut command = Command::new(program);
        command.args(arguments).arg(folder.path()).current_dir("/");
        // Nothing of the server's environment goes along: it holds credentials.
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(|error| refused(error.to_string()))?;

        let mut greeting = String::new();
        if let Some(stdout) = child.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            match timeout(START_TIMEOUT, stdout.read_line(&mut greeting)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(refused(error.to_string())),
                Err(_) => return Err(refused("it did not answer".to_owned())),
            }
        }
        // It goes on by itself. Tokio collects its exit status in the background while this process lives.
        drop(child);
        match greeting.trim_end() {
            crate::supervisor::READY | crate::supervisor::TAKEN => Ok(()),
            _ => Err(refused(complaint(&folder))),
        }
    }
}

#[async_trait]
impl Executor for SandboxExecutor {
    async fn prepare(&self, id: Uuid) -> Result<Folder, Error> {
        with_folder(self.folder(id), id, Folder::create).await?;
        Ok(self.folder(id))
    }

    async fn provide(&self, id: Uuid, container: &Container, pull_as: &PullAs) -> Result<(), Unprovided> {
        let engine = self.starter.engine.as_ref().ok_or(Unprovided::NoEngine)?;
        engine.provide(&container.image, pull_as, self.folder(id).path()).await
    }

    async fn start(&self, plan: &Plan) -> Result<(), Error> {
        let (starter, plan) = (Arc::clone(&self.starter), plan.clone());
        let id = plan.id;
        // In a task of its own: a start that was begun is brought to its end although nobody waits for it any more.
        let started = tokio::spawn(async move { starter.start(plan).await });
        started.await.unwrap_or_else(|error| Err(Error::Supervisor { id, reason: error.to_string() }))
    }

    async fn state(&self, id: Uuid) -> Result<State, Error> {
        with_folder(self.folder(id), id, Folder::state).await
    }

    async fn attach(&self, id: Uuid, position: Position) -> Result<Attachment, Error> {
        let folder = self.folder(id);
        let attach = || Attachment::new(folder.clone(), position, self.watcher.watch(folder.path())?);
        attach().map_err(|source| Error::Folder { id, source })
    }

    async fn stop(&self, id: Uuid) -> Result<(), Error> {
        with_folder(self.folder(id), id, |folder| {
            // The file first: a supervisor that starts only now finds it, one that runs gets the signal.
            fs::File::create(folder.stop_request())?;
            match folder.supervisor() {
                Some(supervisor) => match pidfd_send_signal(supervisor, Signal::TERM) {
                    Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
                    Err(error) => Err(error.into()),
                },
                None => Ok(()),
            }
        })
        .await
    }

    async fn remove(&self, id: Uuid) -> Result<(), Error> {
        if self.state(id).await? == State::Running {
            return Err(Error::Running(id));
        }
        // Only if the supervisor has not done it.
        if let Some(engine) = with_folder(self.folder(id), id, Folder::engine).await? {
            let client = Client::new(&engine, id);
            // Fails if the container does not run.
            let _not_running = client.hand_over().await;
            match client.remove().await {
                Ok(()) => {}
                // An engine that is gone must not hold the build up; `remove_leftovers` finds what it left.
                Err(EngineProblem::NotInstalled { .. }) => {}
                Err(source) => return Err(Error::Container { id, source }),
            }
        }
        if let Some(engine) = &self.starter.engine {
            self.starter.keep_layers(id, engine).await;
        }
        with_folder(self.folder(id), id, move |folder| {
            control_group::discard(&id.to_string());
            folder.remove()
        })
        .await
    }

    async fn discard_layers(&self, owner: &str) -> Result<(), Error> {
        let Some(engine) = &self.starter.engine else { return Ok(()) };
        let _one_at_a_time = self.starter.starting.lock().await;
        self.starter.shelf(engine).discard(owner).await.map_err(|error| Error::Layers(error.to_string()))
    }
}

#[async_trait]
impl Executor for ContainerExecutor {
    async fn prepare(&self, id: Uuid) -> Result<Folder, Error> {
        self.builds.prepare(id).await
    }

    async fn provide(&self, id: Uuid, container: &Container, pull_as: &PullAs) -> Result<(), Unprovided> {
        self.builds.provide(id, container, pull_as).await
    }

    async fn start(&self, plan: &Plan) -> Result<(), Error> {
        self.builds.start(plan).await
    }

    async fn state(&self, id: Uuid) -> Result<State, Error> {
        self.builds.state(id).await
    }

    async fn attach(&self, id: Uuid, position: Position) -> Result<Attachment, Error> {
        self.builds.attach(id, position).await
    }

    async fn stop(&self, id: Uuid) -> Result<(), Error> {
        self.builds.stop(id).await
    }

    async fn remove(&self, id: Uuid) -> Result<(), Error> {
        self.builds.remove(id).await
    }

    async fn discard_layers(&self, owner: &str) -> Result<(), Error> {
        self.builds.discard_layers(owner).await
    }
}

/// The end of what the supervisor wrote to its standard error.
fn complaint(folder: &Folder) -> String {
    let read = || -> io::Result<String> {
        let mut log = fs::File::open(folder.supervisor_log())?;
        let length = log.metadata()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(COMPLAINT_BYTES)))?;
        let mut end = Vec::new();
        log.take(COMPLAINT_BYTES).read_to_end(&mut end)?;
        Ok(String::from_utf8_lossy(&end).trim().to_owned())
    };
    match read() {
        Ok(text) if !text.is_empty() => text,
        Ok(_) => "it ended without a word".to_owned(),
        Err(error) => error.to_string(),
    }
}
