//! One build on this machine: its files come, it runs, and what it prints and leaves goes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use codebuild::Unfit;
use runner::carry::{self, Direction};
use runner::remote::{CHUNK_BYTES, LONGEST_BYTES, Stream, blocking};
use runner::{
    Context, Event, Folder, Plan, Position, State, Status, Update, agent_line, now_millis, uptime_seconds,
};
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

use super::leases::Record;
use super::link::Failure;
use super::{Ending, PAUSE, Worker};

/// An answer to a sign of life comes within a few seconds.
const LATE: Duration = Duration::from_secs(15);
/// Between two looks whether a build that is stopped has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// After the grace that it has, for its processes to go.
const GOING: Duration = Duration::from_secs(30);

pub struct Running {
    worker: Arc<Worker>,
    record: Record,
    /// The server wants the build to be stopped.
    stopping: watch::Sender<bool>,
}

/// Why a build does not come to its own end here.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Link(#[from] Failure),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Runner(#[from] runner::Error),
    #[error("its files: {0}")]
    Files(#[from] runner::archive::Error),
    #[error("its supervisor was lost")]
    Lost,
    /// It ends before its first command, which its project is told.
    #[error("{}", .1.message)]
    Unrun(Status, Context),
    /// The worker was started again before the build had begun.
    #[error("the worker was started again")]
    NotBegun,
}

impl Running {
    pub fn new(worker: Arc<Worker>, record: Record) -> Self {
        Self { worker, record, stopping: watch::channel(false).0 }
    }

    /// A build that was leased just now.
    pub async fn run(self, plan: Plan) {
        let (leases, record) = (self.worker.leases.clone(), self.record.clone());
        let recorded: io::Result<()> = blocking(move || leases.put(&record)).await;
        let Some(folder) = self.folder().await else { return };
        let work = async {
            recorded?;
            match self.begin(plan, &folder).await {
                Err(Trouble::Unrun(status, context)) => self.tell_unrun(status, context).await,
                begun => {
                    begun?;
                    self.follow(&folder).await
                }
            }
        };
        self.to_the_end(&folder, work).await;
    }

    /// A build of a worker before this one on the same folder.
    pub async fn resume(self) {
        let Some(folder) = self.folder().await else { return };
        let work = async {
            match self.worker.executor.state(self.record.build).await? {
                State::NotStarted => Err(Trouble::NotBegun),
                State::Running | State::Finished(_) | State::Lost => self.follow(&folder).await,
            }
        };
        self.to_the_end(&folder, work).await;
    }

    async fn folder(&self) -> Option<Folder> {
        match self.worker.executor.prepare(self.record.build).await {
            Ok(folder) => Some(folder),
            Err(error) => {
                self.give_up(error.into()).await;
                None
            }
        }
    }

    async fn to_the_end(&self, folder: &Folder, work: impl Future<Output = Result<(), Trouble>>) {
        let id = self.record.build;
        let done = tokio::select! {
            done = work => done,
            () = self.keep_alive(folder) => Err(Trouble::Link(Failure::Over)),
            () = self.worker.comes_to(Ending::Now) => {
                self.hand_back("was stopped", true).await;
                Ok(())
            }
        };
        match done {
            Ok(()) => tracing::info!(build.uuid = %id, "a build is over"),
            Err(Trouble::Link(Failure::Over)) => {
                tracing::info!(build.uuid = %id, "a build is not this worker's any more");
            }
            Err(trouble) => {
                self.give_up(trouble).await;
            }
        }
        if let Err(error) = self.tidy_up().await {
            tracing::warn!(%error, build.uuid = %id, "what a build has left stays until the worker is started again");
        }
    }

    async fn give_up(&self, trouble: Trouble) {
        tracing::warn!(error = %trouble, build.uuid = %self.record.build, "a build is given up");
        let elsewhere = matches!(trouble, Trouble::NotBegun);
        self.hand_back(&format!("has given it up: {trouble}"), elsewhere).await;
    }

    /// Fetches the files and starts the plan.
    async fn begin(&self, plan: Plan, folder: &Folder) -> Result<(), Trouble> {
        let (executor, id) = (&self.worker.executor, self.record.build);
        let archive = self.worker.leases.archive(id);
        self.fetch(&archive).await?;
        blocking({
            let (folder, archive) = (folder.clone(), archive.clone());
            move || Ok::<_, Trouble>(carry::unpack(&folder, Direction::ToWorker, &archive)?)
        })
        .await?;
        tokio::fs::remove_file(&archive).await?;
        let plan = self.own(self.provided(plan, folder).await?, folder);
        self.hold(folder, uptime_seconds()).await?;
        Ok(executor.start(&plan).await?)
    }

    async fn fetch(&self, archive: &Path) -> Result<(), Trouble> {
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(archive).await?;
        let mut offset = 0;
        loop {
            let piece = self.worker.link.files(&self.record, offset).await?;
            if piece.is_empty() {
                return Ok(file.flush().await?);
            }
            file.write_all(&piece).await?;
            offset += piece.len() as u64;
        }
    }

    /// The plan with its container, whose image is here then. Errors: `Unrun` if it cannot have it, is stopped meanwhile, or
    /// has no time left.
    async fn provided(&self, mut plan: Plan, folder: &Folder) -> Result<Plan, Trouble> {
        let Some(requested) = plan.requested.take() else { return Ok(plan) };
        let unfit = |Unfit { code, message }| Trouble::Unrun(Status::Failed, Context::new(code, message));
        let Some(container) = self.worker.environment.container(&requested).map_err(unfit)? else {
            if self.worker.environment.is_the_image() {
                return Ok(plan);
            }
            let note =
                format!("Image {} is not used: commands run with the worker's programs", requested.image);
            let folder = folder.clone();
            blocking(move || folder.append_output(&agent_line(&note))).await?;
            return Ok(plan);
        };
        let begun = Instant::now();
        let mut stopping = self.stopping.subscribe();
        tokio::select! {
            provided = self.worker.executor.provide(plan.id, &container, &requested.pull_as) => {
                provided.map_err(|unprovided| unfit(Unfit::to_pull(&unprovided.to_string())))?;
            }
            _ = stopping.wait_for(|stopping| *stopping) => {
                return Err(Trouble::Unrun(Status::Stopped, Context::default()));
            }
            () = tokio::time::sleep(Duration::from_secs(plan.timeout_seconds)) => {
                return Err(Trouble::Unrun(Status::TimedOut, Context::timed_out()));
            }
        }
        plan.timeout_seconds = plan.timeout_seconds.saturating_sub(begun.elapsed().as_secs()).max(1);
        plan.container = Some(container);
        Ok(plan)
    }

    /// Tells the server of the end of a build that has not run.
    async fn tell_unrun(&self, status: Status, context: Context) -> Result<(), Trouble> {
        let link = &self.worker.link;
        if !context.message.is_empty() {
            link.append(&self.record, Stream::Output, 0, agent_line(&context.message).into()).await?;
        }
        let mut lines = Vec::new();
        for event in Event::unrun(status, context, now_millis()) {
            serde_json::to_writer(&mut lines, &event).map_err(io::Error::from)?;
            lines.push(b'\n');
        }
        match link.append(&self.record, Stream::Events, 0, lines.into()).await {
            // Its answer was lost, and it was taken.
            Ok(_) | Err(Failure::Over) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The plan as it holds here: the server is at the address that this worker knows.
    fn own(&self, mut plan: Plan, folder: &Folder) -> Plan {
        let server = self.worker.settings.server.trim_end_matches('/');
        let origin = self.worker.passage.origin();
        let credentials = match self.worker.environment.reaches_loopback(plan.container.as_ref()) {
            true => &origin,
            // From the server itself: SDKs take them where its certificate is one that everybody knows.
            false => server,
        };
        let credentials = codebuild::CredentialsEndpoint::address(credentials, plan.id);
        let endpoint = (!plan.has_own_endpoint).then(|| ("AWS_ENDPOINT_URL", server.to_owned()));
        for (name, value) in endpoint.into_iter().chain([("AWS_CONTAINER_CREDENTIALS_FULL_URI", credentials)])
        {
            if let Some(known) = plan.environment.get_mut(name) {
                *known = value;
            }
        }
        carry::rebind(folder, &mut plan.binds);
        // Over before the lease is: see `hold`.
        plan.grace_seconds = plan.grace_seconds.min(self.record.lease_seconds / 6);
        plan
    }

    /// The build may run until two thirds of the lease have passed since `uptime`; what is left is for its end.
    async fn hold(&self, folder: &Folder, uptime: u64) -> io::Result<()> {
        let (folder, until) = (folder.clone(), uptime + self.record.lease_seconds * 2 / 3);
        blocking(move || folder.hold_until(until)).await
    }

    /// Signs of life, and what they are answered with. Ends when the build is not this worker's any more.
    async fn keep_alive(&self, folder: &Folder) {
        let (executor, id) = (&self.worker.executor, self.record.build);
        let limit = LATE.min(self.record.lease() / 3);
        loop {
            let sent = uptime_seconds();
            let told = match self.worker.link.alive(&self.record, limit).await {
                Err(Failure::Over) => return,
                Err(failure) => {
                    tracing::warn!(error = %failure, build.uuid = %id, "a sign of life was not heard");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Ok(told) => told,
            };
            let kept = async {
                self.hold(folder, sent).await?;
                if told.stop {
                    self.stopping.send_replace(true);
                    executor.stop(id).await?;
                    tokio::time::sleep(PAUSE).await;
                }
                Ok::<_, Trouble>(())
            };
            if let Err(error) = kept.await {
                tracing::warn!(%error, build.uuid = %id, "a build cannot be kept");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Sends what the supervisor writes down, and at the end what the build has left.
    async fn follow(&self, folder: &Folder) -> Result<(), Trouble> {
        let attachment = self.worker.executor.attach(self.record.build, Position::default());
        let mut attachment = attachment.await?;
        let mut output = self.sending(Stream::Output, folder.output_log()).await?;
        let mut events = self.sending(Stream::Events, folder.events()).await?;
        loop {
            let before = attachment.position();
            let update = attachment.next().await?;
            let position = attachment.position();
            match update {
                // All that is there by now: it comes in smaller pieces than are worth a request.
                Update::Output(_) => output.send(tokio::fs::metadata(&output.path).await?.len()).await?,
                Update::Event(Event::Finished { upload_artifacts, .. }) => {
                    events.send(before.events).await?;
                    if upload_artifacts && self.record.leaves_files {
                        self.send_files(folder).await?;
                    }
                    return match events.send(position.events).await {
                        // Its answer was lost, and it was taken.
                        Err(Trouble::Link(Failure::Over)) => Ok(()),
                        sent => sent,
                    };
                }
                Update::Event(_) => events.send(position.events).await?,
                Update::Lost => return Err(Trouble::Lost),
            }
        }
    }

    async fn send_files(&self, folder: &Folder) -> Result<(), Trouble> {
        let archive = self.worker.leases.archive(self.record.build);
        blocking({
            let (folder, archive) = (folder.clone(), archive.clone());
            move || carry::pack(&folder, &[], Direction::FromWorker, &archive)
        })
        .await?;
        let length = tokio::fs::metadata(&archive).await?.len();
        let mut result = Sending { running: self, stream: Stream::Result, path: archive, sent: 0 };
        result.send(length).await?;
        Ok(self.worker.link.finish(&self.record).await?)
    }

    /// From where the server lacks it.
    async fn sending(&self, stream: Stream, path: PathBuf) -> Result<Sending<'_>, Trouble> {
        let told = self.worker.link.append(&self.record, stream, 0, Bytes::new()).await?;
        Ok(Sending { running: self, stream, path, sent: told.length })
    }

    /// Ends the build here, and then tells the server. `elsewhere`: one that has not begun may begin on another worker.
    async fn hand_back(&self, what: &str, elsewhere: bool) {
        let id = self.record.build;
        let handed = async {
            self.end().await?;
            let again = self.worker.executor.state(id).await? == State::NotStarted && elsewhere;
            let why = format!("The worker {} {what}", self.worker.settings.name);
            self.worker.link.give_up(&self.record, why, again).await?;
            Ok::<_, Trouble>(())
        };
        // A server that is not there learns it from the lease, which ends.
        let problem = match tokio::time::timeout(self.record.lease(), handed).await {
            Ok(Ok(()) | Err(Trouble::Link(Failure::Over))) => return,
            Ok(Err(error)) => error.to_string(),
            Err(late) => late.to_string(),
        };
        tracing::warn!(problem, build.uuid = %id, "the server does not know that a build is given up");
    }

    /// Stops the build, also one whose start is under way, and waits until nothing of it runs.
    async fn end(&self) -> Result<(), Trouble> {
        let (executor, id) = (&self.worker.executor, self.record.build);
        executor.stop(id).await?;
        let gone = async {
            while executor.state(id).await? == State::Running {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Ok::<_, Trouble>(())
        };
        let limit = self.record.lease() / 6 + GOING;
        tokio::time::timeout(limit, gone).await.map_err(io::Error::other)?
    }

    async fn tidy_up(&self) -> Result<(), Trouble> {
        self.end().await?;
        self.worker.executor.remove(self.record.build).await?;
        Ok(self.worker.leases.remove(self.record.build)?)
    }
}

/// A file on its way to the server.
struct Sending<'a> {
    running: &'a Running,
    stream: Stream,
    path: PathBuf,
    /// Bytes that are there.
    sent: u64,
}

impl Sending<'_> {
    /// Sends up to `end`, which is the end of a line for events.
    async fn send(&mut self, end: u64) -> Result<(), Trouble> {
        while self.sent < end {
            let bytes = self.piece(end).await?;
            if bytes.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            let Running { worker, record, .. } = self.running;
            self.sent = match worker.link.append(record, self.stream, self.sent, bytes).await {
                Ok(told) => told.length,
                // It has lost some by a failure of its power; or of an archive that was begun before.
                Err(Failure::Gap(length)) => length,
                Err(failure) => return Err(failure.into()),
            };
        }
        Ok(())
    }

    async fn piece(&self, end: u64) -> io::Result<Bytes> {
        let (path, offset, is_events) = (self.path.clone(), self.sent, self.stream == Stream::Events);
        let longest = if is_events { LONGEST_BYTES } else { CHUNK_BYTES };
        let length = usize::try_from(end - offset).unwrap_or(longest).min(longest);
        blocking(move || {
            let mut bytes = vec![0; length];
            let read = File::open(path)?.read_at(&mut bytes, offset)?;
            bytes.truncate(read);
            if is_events && let Some(last) = bytes.iter().rposition(|&byte| byte == b'\n') {
                bytes.truncate(last + 1);
            }
            Ok(bytes.into())
        })
        .await
    }
}
