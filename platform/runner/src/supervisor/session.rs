//! One build from the first phase to the final event.

use std::{collections::BTreeMap, io, time::Duration};

use super::{
    environment::{Ended, Environment},
    interrupt::{Interrupt, Interrupts},
    journal::Journal,
    log::Log,
    phases::{Next, after, retries},
    script::{Base, Progress, ScriptFolder, is_variable_name},
    side::{self, SIDE_LOOP, Side},
};
use crate::{
    event::{Context, Event, PhaseStatus, Status},
    folder::{Assignment, Folder, Isolation},
    mask::mask,
    plan::{Phase, PhasePlan, Plan},
    timestamp::now_millis,
};

/// Runs the plan. Whatever happens to the build is told by events; an error is that these cannot be written.
pub(super) async fn run(folder: &Folder, assignment: Assignment, interrupts: Interrupts) -> io::Result<()> {
    let plan = &assignment.plan;
    let mut journal = Journal::open(&folder.events())?;
    let mut log = Log::open(&folder.output_log(), &plan.secrets, plan.limits.log_bytes)?;
    let end = match Session::start(folder, &assignment, &mut journal, &mut log, interrupts).await {
        Ok(session) => session.finish_all().await?,
        Err(error) => {
            let message = format!("The build environment could not be started: {error}");
            log.agent(&message)?;
            let context = match &assignment.isolation {
                Isolation::Sandbox(_) => fault(message),
                Isolation::Container { .. } | Isolation::Direct(_) => not_supported(&error),
            };
            End { status: Status::Fault, upload_artifacts: false, context }
        }
    };
    log.finish()?;
    let End { status, upload_artifacts, context } = end;
    journal.append(&Event::Finished { status, upload_artifacts, context, at: now_millis() })?;
    // Readers need not wait for the disk: this is for the case that the power fails.
    log.sync()?;
    journal.sync()
}

fn fault(message: String) -> Context {
    Context::new("INTERNAL_SERVICE_ERROR", message)
}

struct End {
    status: Status,
    upload_artifacts: bool,
    context: Context,
}

struct Session<'a> {
    plan: &'a Plan,
    journal: &'a mut Journal,
    log: &'a mut Log,
    interrupts: Interrupts,
    environment: Environment,
    scripts: ScriptFolder,
    progress: Progress,
    /// Of an open environment.
    side: Option<Side>,
    /// No script runs.
    is_idle: bool,
}

/// How a phase, or one list of its commands, went.
enum Outcome {
    Succeeded,
    Failed(Context),
}

impl<'a> Session<'a> {
    async fn start(
        folder: &Folder,
        assignment: &'a Assignment,
        journal: &'a mut Journal,
        log: &'a mut Log,
        interrupts: Interrupts,
    ) -> io::Result<Self> {
        let plan = &assignment.plan;
        for name in plan.environment.keys().filter(|name| !is_variable_name(name)) {
            log.agent(&format!(
                "Skipping environment variable {name}: the shell cannot hold a variable of this name"
            ))?;
        }
        side::write_programs(folder)?;
        let side = plan.open.map(|open| Side::open(folder, plan, open)).transpose()?;
        let base = match &assignment.isolation {
            Isolation::Sandbox(sandbox) => Base::Machine(sandbox.variables()),
            Isolation::Container { .. } | Isolation::Direct(_) => Base::Image,
        };
        let scripts = ScriptFolder::create(folder, plan, &base)?;
        if base == Base::Image {
            ScriptFolder::open_to_all_users(folder)?;
        }
        // Side by side, for both take some milliseconds; and both before the first command.
        let recorded = tokio::task::spawn_blocking({
            let folder = folder.clone();
            move || folder.sync_supervisor()
        });
        let environment = Environment::start(folder, assignment).await?;
        recorded.await.map_err(io::Error::other)??;
        journal.append(&Event::Started { at: now_millis() })?;
        let progress = Progress { last_exit: 0, succeeding: true };
        Ok(Self { plan, journal, log, interrupts, environment, scripts, progress, side, is_idle: false })
    }

    /// All phases and what is asked afterwards; then the environment is gone.
    async fn finish_all(mut self) -> io::Result<End> {
        let is_sandbox = self.plan.open.is_some_and(|open| open.sandbox);
        let ended = match self.open_side().await {
            Ok(()) if is_sandbox => Err(self.environment.idle(self.log, &mut self.interrupts).await),
            Ok(()) => self.phases().await,
            Err(ended) => Err(ended),
        };
        let end = match ended {
            Ok(upload_artifacts) => {
                if let Some(side) = &mut self.side {
                    side.shells_left().await;
                }
                let status = if self.progress.succeeding { Status::Succeeded } else { Status::Failed };
                End { status, upload_artifacts, context: Context::default() }
            }
            Err(Ended::Interrupted(interrupt)) => {
                let grace = Duration::from_secs(self.plan.grace_seconds);
                match self.is_idle || is_sandbox {
                    true => self.environment.terminate_idle(self.log, grace).await?,
                    false => self.environment.terminate(self.log, grace).await?,
                }
                let status = match interrupt {
                    Interrupt::Stopped => Status::Stopped,
                    Interrupt::TimedOut => Status::TimedOut,
                };
                End { status, upload_artifacts: false, context: Context::default() }
            }
            Err(Ended::Dead) => End { status: Status::Fault, upload_artifacts: false, context: died() },
            Err(Ended::Io(error)) => return Err(error),
        };
        self.environment.shut_down(self.log).await?;
        if let Some(side) = self.side {
            side.shut_down().await?;
        }
        Ok(end)
    }

    /// Starts the loop that serves an open environment.
    async fn open_side(&mut self) -> Result<(), Ended> {
        if self.side.is_some() {
            self.scripts.own(SIDE_LOOP)?;
            self.environment.run(None, self.log, &mut self.interrupts).await?;
        }
        Ok(())
    }

    /// After a phase that has failed: the environment stays as it is, for somebody to look at, until he lets the build go
    /// on or the time for it is over.
    async fn hold(&mut self, phase: Phase) -> Result<(), Ended> {
        let seconds = self.plan.open.map_or(0, |open| open.hold_seconds);
        let Some(side) = self.side.as_mut().filter(|_| seconds > 0) else { return Ok(()) };
        side.pause()?;
        self.log.agent(&format!(
            "Phase {phase} has failed: the build is paused for {seconds} seconds, or until codebuild-resume in a shell \
             that `stagewright build attach` opens"
        ))?;
        self.is_idle = true;
        let ended = tokio::select! {
            ended = self.environment.idle(self.log, &mut self.interrupts) => Err(ended),
            () = side.resumed() => Ok(()),
            () = tokio::time::sleep(Duration::from_secs(seconds)) => Ok(()),
        };
        side.unpause()?;
        ended?;
        self.is_idle = false;
        self.log.agent("The build goes on")?;
        Ok(())
    }

    /// Gives whether artifacts are to be uploaded.
    async fn phases(&mut self) -> Result<bool, Ended> {
        let mut next = Next::Phase(Phase::Install);
        loop {
            next = match next {
                Next::Phase(phase) => self.phase(phase).await?,
                Next::UploadArtifacts => break,
                Next::Finalizing => return Ok(false),
            };
        }
        self.report_variables().await?;
        self.report_expansions().await?;
        Ok(true)
    }

    async fn phase(&mut self, phase: Phase) -> Result<Next, Ended> {
        let plan = self.plan;
        let declared = plan.phases.iter().find(|candidate| candidate.phase == phase);
        let on_failure = declared.map(|phase| &phase.on_failure);
        let mut failures = 0;
        loop {
            self.log.agent(&format!("Entering phase {phase}"))?;
            self.journal.append(&Event::PhaseStarted { phase, at: now_millis() })?;
            let outcome = match declared {
                Some(declared) => self.commands_of(declared).await,
                None => Ok(Outcome::Succeeded),
            };
            let (status, context) = match &outcome {
                Ok(Outcome::Succeeded) => (PhaseStatus::Succeeded, Context::default()),
                Ok(Outcome::Failed(context)) => (PhaseStatus::Failed, context.clone()),
                Err(ended) => interrupted(ended),
            };
            self.phase_finished(phase, status, &context)?;
            let succeeded = matches!(outcome?, Outcome::Succeeded);
            failures += 1;
            if !succeeded && on_failure.is_some_and(|on| retries(on, failures, &context.message)) {
                self.log.agent(&format!("Retrying phase {phase} (retry {failures})"))?;
                continue;
            }
            if !succeeded {
                self.hold(phase).await?;
            }
            self.progress.succeeding &= succeeded;
            return Ok(after(phase, succeeded, on_failure.unwrap_or(&crate::plan::OnFailure::Default)));
        }
    }

    fn phase_finished(&mut self, phase: Phase, status: PhaseStatus, context: &Context) -> io::Result<()> {
        let Context { status_code, message } = context;
        self.log.agent(&format!("Phase complete: {phase} State: {}", status.as_str()))?;
        self.log.agent(&format!("Phase context status code: {status_code} Message: {message}"))?;
        let context = context.clone();
        self.journal.append(&Event::PhaseFinished { phase, status, context, at: now_millis() })
    }

    async fn commands_of(&mut self, declared: &PhasePlan) -> Result<Outcome, Ended> {
        let user = declared.run_as.as_deref().filter(|user| *user != "root");
        if let Some(message) = user.and_then(|user| self.environment.refuses(user)) {
            return Ok(Outcome::Failed(Context::new("CLIENT_ERROR", message)));
        }
        if declared.commands.is_empty() && declared.finally.is_empty() {
            self.log
                .agent(&format!("No commands found for phase name: {}", declared.phase.buildspec_key()))?;
        }
        let commands = self.list(declared.phase, &declared.commands, user).await?;
        let finally = self.list(declared.phase, &declared.finally, user).await?;
        // The first failure is the one that explains.
        Ok(match (commands, finally) {
            (Outcome::Succeeded, finally) => finally,
            (failed @ Outcome::Failed(_), _) => failed,
        })
    }

    async fn list(
        &mut self,
        phase: Phase,
        commands: &[String],
        user: Option<&str>,
    ) -> Result<Outcome, Ended> {
        for command in commands {
            let exit_code = self.command(phase, command, user).await?;
            if exit_code != 0 {
                let reason = format!("exit status {exit_code}");
                self.log.agent(&format!("Command did not exit successfully {command} {reason}"))?;
                let message = format!("Error while executing command: {command}. Reason: {reason}");
                return Ok(Outcome::Failed(Context::new("COMMAND_EXECUTION_ERROR", message)));
            }
        }
        Ok(Outcome::Succeeded)
    }

    async fn command(&mut self, phase: Phase, command: &str, user: Option<&str>) -> Result<i32, Ended> {
        self.log.agent(&format!("Running command {command}"))?;
        self.journal.append(&Event::CommandStarted {
            phase,
            command: command.to_owned(),
            at: now_millis(),
        })?;
        self.scripts.command(command, self.progress)?;
        let exit_code = self.environment.run(user, self.log, &mut self.interrupts).await?;
        self.log.end_of_command()?;
        self.progress.last_exit = exit_code;
        self.journal.append(&Event::CommandEnded { phase, exit_code, at: now_millis() })?;
        Ok(exit_code)
    }

    async fn report_variables(&mut self) -> Result<(), Ended> {
        if !self.plan.exported_variables.is_empty() {
            self.scripts.report_variables(&self.plan.exported_variables)?;
            self.environment.run(None, self.log, &mut self.interrupts).await?;
            let mut variables = self.scripts.result()?;
            // What is exported is shown: a secret may have been copied into it.
            for value in variables.values_mut() {
                *value = mask(&self.plan.secrets, value)?;
            }
            self.journal.append(&Event::Exported { variables })?;
        }
        Ok(())
    }

    async fn report_expansions(&mut self) -> Result<(), Ended> {
        let texts = &self.plan.evaluate;
        if !texts.is_empty() {
            self.scripts.report_expansions(texts.values())?;
            self.environment.run(None, self.log, &mut self.interrupts).await?;
            let mut by_index = self.scripts.result()?;
            let named = texts.keys().enumerate();
            let values: BTreeMap<String, String> = named
                .filter_map(|(index, name)| Some((name.clone(), by_index.remove(&index.to_string())?)))
                .collect();
            self.journal.append(&Event::Evaluated { values })?;
        }
        Ok(())
    }
}

/// What a phase says that was not brought to its end.
fn interrupted(ended: &Ended) -> (PhaseStatus, Context) {
    match ended {
        Ended::Interrupted(Interrupt::Stopped) => (PhaseStatus::Stopped, Context::default()),
        // The blank at the end is CodeBuild's.
        Ended::Interrupted(Interrupt::TimedOut) => {
            (PhaseStatus::TimedOut, Context::new("BUILD_TIMED_OUT", "Build has timed out. "))
        }
        Ended::Dead => (PhaseStatus::Fault, died()),
        Ended::Io(error) => (PhaseStatus::Fault, fault(error.to_string())),
    }
}

fn died() -> Context {
    Context::new("SINGLE_BUILD_CONTAINER_DEAD", DEAD)
}

/// A container that never came up: an image without a shell, of another architecture, or an engine that is gone.
fn not_supported(error: &io::Error) -> Context {
    Context::new("SINGLE_BUILD_CONTAINER_DEAD", format!("{DEAD} ({error})"))
}

/// CodeBuild's words.
const DEAD: &str = "Build container found dead before completing the build. Build container died because it was out \
                    of memory, or the Docker image is not supported. ErrorCode: 500";
