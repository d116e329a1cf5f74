//! INSTALL to POST_BUILD: started once, then followed from what the supervisor writes down.

use std::time::Duration;

use aws::Timestamp;
use codebuild_model::{BuildPhaseType, StatusType};
use runner::{Attachment, Context, Event, Phase, PhaseStatus, Plan, State, Status, Update};

use super::{
    Fault,
    commands::{self, Commands, run_sandbox},
    download::{kept_buildspec, parse, place},
    drive::{Drive, Trouble, time_left},
    log::LogWriter,
    plan::plan,
    provision, secrets,
};
use crate::{
    credentials::new_token,
    environment,
    records::{Build, Progress, Step},
    state::{Change, Outcome},
};

/// How long lines and events wait for others, to be put and committed with them. Whoever reads the log sees a line at
/// most so much later.
const GATHER: Duration = Duration::from_millis(40);

/// Leads the build to the end of its commands.
pub(super) async fn follow(drive: &Drive<'_>, build: Build) -> Result<Build, Fault> {
    let id = build.id.uuid;
    let executor = &drive.codebuild.executor;
    if executor.state(id).await? == State::NotStarted {
        match start(drive, &build).await {
            Ok(()) => {}
            Err(Trouble::Fault(fault)) => return Err(fault),
            Err(Trouble::Ends(outcome)) => return lost(drive, &build, outcome, None).await,
        }
    }
    let progress = drive.progress(&build).await?;
    let commands = Commands::of(drive, &build).await?;
    let attachment = executor.attach(id, progress.position).await?;
    let log = LogWriter::new(&drive.role, id, build.log.clone(), progress.position.output);
    let changes = Vec::new();
    Following { drive, build, attachment, log, progress, changes, commands }.read_to_end().await
}

/// Starts the plan. A crash before or after it leads here again, and it runs once.
async fn start(drive: &Drive<'_>, build: &Build) -> Result<(), Trouble> {
    let codebuild = drive.codebuild;
    let folder = codebuild.executor.prepare(build.id.uuid).await?;
    let gone = || Trouble::Ends(Outcome::fault("The machine that held the build is gone"));
    let spec = parse(&kept_buildspec(&folder)?.ok_or_else(gone)?)?;
    let sources = place(build)?;
    let (token, hash) = new_token();
    drive.commit(vec![Change::CredentialsToken(hash)], None).await.map_err(Trouble::Fault)?;
    let container = codebuild.config.containers.of(build).map_err(Trouble::Ends)?;
    let access = codebuild.config.access(container.as_ref(), &token);
    let given = environment::given(build, &spec);
    let secret = secrets::fetch(drive, &given).await?.clone();
    let variables = environment::variables(build, given, secret, &sources, &access);
    let seconds = time_left(build).as_secs().max(1);
    let plan = plan(build, &spec, &sources, variables, &token, seconds, codebuild.config.network);
    let pool = codebuild.config.containers.pool(build);
    let requested = match &pool {
        Some(_) => provision::requested(drive, build).await?,
        None => None,
    };
    let plan = Plan { container, pool, requested, ..plan };
    codebuild.config.furnish(&folder)?;
    codebuild.executor.start(&plan).await?;
    Ok(())
}

struct Following<'a, 'd> {
    drive: &'a Drive<'d>,
    /// With `changes`.
    build: Build,
    attachment: Attachment,
    log: LogWriter<'a>,
    /// Of what is committed.
    progress: Progress,
    /// What events mean for the record, not committed yet. After a crash they are read again.
    changes: Vec<Change>,
    /// Of a sandbox.
    commands: Option<Commands>,
}

/// What happened first.
enum Next {
    Update(Update),
    Gathered,
    Stop,
    Submitted,
}

impl Following<'_, '_> {
    async fn read_to_end(mut self) -> Result<Build, Fault> {
        let id = self.build.id.uuid;
        let mut stopped = false;
        let mut gather = None;
        loop {
            let next = tokio::select! {
                update = self.attachment.next() => Next::Update(update?),
                () = at(gather) => Next::Gathered,
                () = self.drive.stop.stopped(), if !stopped => Next::Stop,
                () = submitted(&mut self.commands) => Next::Submitted,
            };
            match next {
                Next::Stop => {
                    stopped = true;
                    self.drive.codebuild.executor.stop(id).await?;
                }
                Next::Submitted => commands::post(self.drive, &self.build).await?,
                Next::Gathered => {
                    gather = None;
                    self.log.put().await;
                    self.keep().await?;
                }
                Next::Update(Update::Output(bytes)) => self.log.write(&bytes).await,
                Next::Update(Update::Event(event)) => {
                    let last = event.is_final();
                    if last {
                        self.log.finish().await;
                    }
                    commands::take(self.drive, &self.build, &event).await?;
                    for change in self.take(event) {
                        self.build.apply(change.clone());
                        self.changes.push(change);
                    }
                    if last {
                        self.keep().await?;
                        return Ok(self.build);
                    }
                }
                Next::Update(Update::Lost) => {
                    self.log.finish().await;
                    self.keep().await?;
                    let outcome = Outcome::fault("The build's supervisor was lost");
                    return lost(self.drive, &self.build, outcome, Some(self.progress)).await;
                }
            }
            if gather.is_none() && (self.log.has_lines() || !self.changes.is_empty()) {
                gather = Some(tokio::time::Instant::now() + GATHER);
            }
        }
    }

    /// What an event means for the record.
    fn take(&mut self, event: Event) -> Vec<Change> {
        match event {
            Event::Started { at } if self.build.is_sandbox() => {
                vec![Change::Enter { phase: run_sandbox(), at: Timestamp::from_millis(at) }]
            }
            Event::Started { .. }
            | Event::CommandStarted { .. }
            | Event::CommandEnded { .. }
            | Event::RunStarted { .. }
            | Event::RunEnded { .. } => vec![],
            Event::PhaseStarted { phase, at } => {
                vec![Change::Enter { phase: kind(phase), at: Timestamp::from_millis(at) }]
            }
            Event::PhaseFinished { phase, status, context, at } => {
                let context = match status {
                    PhaseStatus::Stopped => None,
                    PhaseStatus::Succeeded
                    | PhaseStatus::Failed
                    | PhaseStatus::TimedOut
                    | PhaseStatus::Fault => Some((context.status_code, context.message)),
                };
                let outcome = Outcome { status: StatusType::from(status.as_str()), context };
                vec![Change::Leave { phase: kind(phase), outcome, at: Timestamp::from_millis(at) }]
            }
            Event::Exported { variables } => vec![Change::Exported(variables.into_iter().collect())],
            Event::Evaluated { values } => {
                self.progress.evaluated = values;
                vec![]
            }
            Event::Finished { status, upload_artifacts, context, at } => {
                self.finished(status, upload_artifacts, context, Timestamp::from_millis(at))
            }
        }
    }

    fn finished(&self, status: Status, upload: bool, context: Context, at: Timestamp) -> Vec<Change> {
        let mut changes = vec![Change::Step(Step::Ran)];
        let enter = |phase| Change::Enter { phase, at };
        match status {
            Status::Succeeded | Status::Failed if upload => {
                changes.push(enter(BuildPhaseType::UploadArtifacts));
            }
            Status::Succeeded | Status::Failed => changes.push(enter(BuildPhaseType::Finalizing)),
            Status::Stopped | Status::TimedOut => changes.extend(self.end_of_sandbox(status, at)),
            Status::Fault => {
                let told = self.build.phases.iter().any(|phase| phase.status == Some(StatusType::Fault));
                if !told {
                    let context = Some((context.status_code, context.message));
                    let outcome = Outcome { status: StatusType::Fault, context };
                    changes.extend(fault_of_environment(&self.build, outcome, at));
                }
                changes.push(enter(BuildPhaseType::Finalizing));
            }
        }
        changes
    }

    /// The phase of a sandbox is ended by nobody but whoever stops it, and by its time.
    fn end_of_sandbox(&self, status: Status, at: Timestamp) -> Option<Change> {
        let outcome = match status {
            Status::TimedOut => Outcome::timed_out(),
            Status::Stopped | Status::Succeeded | Status::Failed | Status::Fault => Outcome::stopped(),
        };
        (self.build.open_phase() == Some(&run_sandbox())).then(|| Change::Leave {
            phase: run_sandbox(),
            outcome,
            at,
        })
    }

    /// Commits the changes together with how far the log and the events have been taken in.
    async fn keep(&mut self) -> Result<(), Fault> {
        self.progress.position.output = self.log.offset();
        self.progress.position.events = self.attachment.position().events;
        let changes = std::mem::take(&mut self.changes);
        self.build = self.drive.commit(changes, Some(self.progress.clone())).await?;
        Ok(())
    }
}

/// When it is time to put what was gathered; never, if nothing was.
async fn at(time: Option<tokio::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// When a command was submitted.
async fn submitted(commands: &mut Option<Commands>) {
    match commands {
        Some(commands) => commands.submitted().await,
        None => std::future::pending().await,
    }
}

async fn lost(
    drive: &Drive<'_>,
    build: &Build,
    outcome: Outcome,
    progress: Option<Progress>,
) -> Result<Build, Fault> {
    let at = Timestamp::now();
    let mut changes = vec![Change::Step(Step::Ran)];
    changes.extend(fault_of_environment(build, outcome, at));
    changes.push(Change::Enter { phase: BuildPhaseType::Finalizing, at });
    drive.commit(changes, progress).await
}

/// What gives up a build whose driving fails again and again: what was under way is at fault, and the rest of it is to
/// tidy up. Nothing if that is what fails.
pub(super) fn given_up(build: &Build, why: String, at: Timestamp) -> Vec<Change> {
    if build.open_phase() == Some(&BuildPhaseType::Finalizing) {
        return vec![];
    }
    let mut changes = vec![Change::Step(Step::Ran)];
    if build.open_phase().is_some() || build.failed_phase().is_none() {
        changes.extend(fault_of_environment(build, Outcome::fault(why), at));
    }
    changes.push(Change::Enter { phase: BuildPhaseType::Finalizing, at });
    changes
}

/// The open phase fails; if there is none, the one that would have come.
fn fault_of_environment(build: &Build, outcome: Outcome, at: Timestamp) -> Vec<Change> {
    let open = build.open_phase().cloned();
    let enter = match &open {
        Some(_) => None,
        None => Some(Change::Enter { phase: BuildPhaseType::Install, at }),
    };
    let phase = open.unwrap_or(BuildPhaseType::Install);
    enter.into_iter().chain([Change::Leave { phase, outcome, at }]).collect()
}

fn kind(phase: Phase) -> BuildPhaseType {
    match phase {
        Phase::Install => BuildPhaseType::Install,
        Phase::PreBuild => BuildPhaseType::PreBuild,
        Phase::Build => BuildPhaseType::Build,
        Phase::PostBuild => BuildPhaseType::PostBuild,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::{at, build};

    fn leave(phase: BuildPhaseType, outcome: Outcome) -> [Change; 2] {
        [Change::Enter { phase: phase.clone(), at: at(1) }, Change::Leave { phase, outcome, at: at(2) }]
    }

    /// What becomes of a build that is given up after `changes`: its phases after them, and its status.
    fn after(changes: impl IntoIterator<Item = Change>) -> (Vec<BuildPhaseType>, StatusType) {
        let mut build = build();
        for change in changes {
            build.apply(change);
        }
        let known = build.phases.len();
        for _ in 0..2 {
            for change in given_up(&build, "why".into(), at(3)) {
                build.apply(change);
            }
        }
        assert_eq!(build.open_phase(), Some(&BuildPhaseType::Finalizing));
        build.apply(Change::Complete { at: at(4) });
        let kinds = build.phases.iter().skip(known).map(|phase| phase.kind.clone());
        (kinds.collect(), build.status())
    }

    #[test]
    fn what_is_given_up_is_at_fault() {
        use BuildPhaseType::{Build, Completed, DownloadSource, Finalizing, Install};
        let fetched = leave(DownloadSource, Outcome::succeeded());
        assert_eq!(after(fetched), (vec![Install, Finalizing, Completed], StatusType::Fault));
        let building = [Change::Enter { phase: Build, at: at(1) }];
        assert_eq!(after(building), (vec![Finalizing, Completed], StatusType::Fault));
        let stopped = leave(Build, Outcome::stopped());
        assert_eq!(after(stopped), (vec![Finalizing, Completed], StatusType::Stopped));
    }
}
