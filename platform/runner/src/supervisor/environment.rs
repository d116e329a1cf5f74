//! The isolated environment: one shell loop behind three pipes.
//!
//! Scripts go in on its standard input, exit codes come back on standard output, and everything that commands write
//! comes on standard error. What is behind the pipes is bubblewrap, the client of a container engine, or nothing but
//! the shell ([`Held`]).

use std::{io, process::ExitStatus, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
    time::{Instant, sleep_until, timeout},
};
use uuid::Uuid;

use super::{
    held_container::{self, HeldContainer},
    held_direct::HeldDirect,
    held_sandbox::HeldSandbox,
    interrupt::{Interrupt, Interrupts},
    log::Log,
    output::Output,
    script::SCRIPT_PATH,
};
use crate::{
    folder::{Assignment, Folder, Isolation},
    plan::Plan,
};

/// How long an environment may take to come up, or to go when nothing runs in it any more.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether processes have gone.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(super) struct Environment {
    child: Child,
    scripts: ChildStdin,
    exit_codes: Lines<BufReader<ChildStdout>>,
    output: Output,
    /// A script was interrupted and has not ended: it would be waited for in vain.
    stuck: bool,
    held: Held,
}

/// What differs by what isolates.
enum Held {
    Sandbox(HeldSandbox),
    Container(HeldContainer),
    Direct(HeldDirect),
}

/// Why a script has no exit code.
#[derive(Debug)]
pub(super) enum Ended {
    Interrupted(Interrupt),
    /// The environment died under it.
    Dead,
    /// This process cannot do its work, for example because the disk is full.
    Io(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Environment {
    /// Brings the environment up, within its limits. Fails with what bubblewrap or the engine has to say.
    pub async fn start(folder: &Folder, assignment: &Assignment) -> io::Result<Self> {
        let plan = &assignment.plan;
        let missing = || io::Error::other("the environment has no pipes");
        let (mut child, held, mark) = match &assignment.isolation {
            Isolation::Sandbox(sandbox) => {
                let (child, held) = HeldSandbox::spawn(folder, plan, sandbox)?;
                (child, Held::Sandbox(held), None)
            }
            Isolation::Container { engine, container, volumes } => {
                let mark = format!("\u{1e}{}\u{1e}", Uuid::new_v4().simple());
                let (child, held) = HeldContainer::spawn(folder, plan, engine, (container, volumes), &mark)?;
                (child, Held::Container(held), Some(mark))
            }
            Isolation::Direct(direct) => {
                let (child, held) = HeldDirect::spawn(folder, plan, direct)?;
                (child, Held::Direct(held), None)
            }
        };
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let mut environment = Self {
            scripts: child.stdin.take().ok_or_else(missing)?,
            exit_codes: BufReader::new(child.stdout.take().ok_or_else(missing)?).lines(),
            output: Output::new(stderr, mark.as_deref())?,
            stuck: false,
            child,
            held,
        };
        match environment.come_up(plan).await {
            Ok(()) => Ok(environment),
            Err(error) => {
                if let Held::Container(held) = &mut environment.held {
                    held.remove().await;
                }
                Err(error)
            }
        }
    }

    async fn come_up(&mut self, plan: &Plan) -> io::Result<()> {
        let patience = match &self.held {
            Held::Sandbox(_) | Held::Direct(_) => PATIENCE,
            Held::Container(_) => held_container::COMING,
        };
        let ready = timeout(patience, self.exit_codes.next_line()).await??;
        if ready.as_deref() != Some("ready") {
            return Err(io::Error::other(self.output.complaint().await?));
        }
        match &mut self.held {
            Held::Sandbox(held) => held.bound(&plan.limits),
            Held::Container(_) => self.output.forget_beginning().await,
            Held::Direct(held) => {
                held.bound(&plan.limits);
                Ok(())
            }
        }
    }

    /// Why commands cannot run as this user, if so.
    pub fn refuses(&self, user: &str) -> Option<String> {
        match self.held {
            Held::Sandbox(_) => Some(format!("run-as: {user}: the sandbox runs commands as root only")),
            Held::Container(_) | Held::Direct(_) if is_user_name(user) => None,
            Held::Container(_) | Held::Direct(_) => Some(format!("run-as: {user:?} is no name of a user")),
        }
    }

    /// Runs the script that stands at [`SCRIPT_PATH`], as root or as a user of the environment, and writes its output to
    /// the log. Gives its exit code.
    pub async fn run(
        &mut self,
        user: Option<&str>,
        log: &mut Log,
        interrupts: &mut Interrupts,
    ) -> Result<i32, Ended> {
        if let Some(interrupt) = interrupts.happened() {
            return Err(Ended::Interrupted(interrupt));
        }
        let user = user.map(|user| format!(" {user}")).unwrap_or_default();
        if self.scripts.write_all(format!("{SCRIPT_PATH}{user}\n").as_bytes()).await.is_err() {
            return Err(Ended::Dead);
        }
        loop {
            tokio::select! {
                interrupt = interrupts.next() => {
                    self.stuck = true;
                    return Err(Ended::Interrupted(interrupt));
                }
                passed_on = self.output.pass_on(log), if !self.output.ended() => passed_on?,
                line = self.exit_codes.next_line() => {
                    let code = line?.and_then(|line| line.parse().ok());
                    self.output.finish_command(log).await?;
                    return code.ok_or(Ended::Dead);
                }
            }
        }
    }

    /// SIGTERM to everything inside; returns when the script has ended, or after `grace`.
    pub async fn terminate(&mut self, log: &mut Log, grace: Duration) -> io::Result<()> {
        let end = Instant::now() + grace;
        if !self.ask_to_end(log).await? {
            return Ok(());
        }
        loop {
            tokio::select! {
                passed_on = self.output.pass_on(log), if !self.output.ended() => passed_on?,
                _script_ended = self.exit_codes.next_line() => {
                    self.stuck = false;
                    break;
                }
                () = sleep_until(end) => break,
            }
        }
        Ok(())
    }

    /// SIGTERM to everything inside. False if there is nobody to wait for.
    async fn ask_to_end(&mut self, log: &mut Log) -> io::Result<bool> {
        match &self.held {
            Held::Sandbox(held) => {
                held.terminate();
                Ok(true)
            }
            Held::Direct(held) => {
                held.terminate();
                Ok(true)
            }
            Held::Container(held) => passing_on(&mut self.output, log, held.terminate()).await,
        }
    }

    /// Waits while no script runs, and takes what others write. May be dropped and called again.
    pub async fn idle(&mut self, log: &mut Log, interrupts: &mut Interrupts) -> Ended {
        loop {
            tokio::select! {
                interrupt = interrupts.next() => return Ended::Interrupted(interrupt),
                passed_on = self.output.pass_on(log), if !self.output.ended() => {
                    if let Err(error) = passed_on {
                        return error.into();
                    }
                }
                // The loop says nothing of its own accord.
                _said = self.exit_codes.next_line() => return Ended::Dead,
            }
        }
    }

    /// As [`Environment::terminate`] while no script runs: until the processes have gone, not until one has ended.
    pub async fn terminate_idle(&mut self, log: &mut Log, grace: Duration) -> io::Result<()> {
        let end = Instant::now() + grace;
        if !self.ask_to_end(log).await? {
            return Ok(());
        }
        let is_busy = |held: &Held| match held {
            Held::Sandbox(held) => held.is_busy(),
            Held::Direct(held) => held.is_busy(),
            // Only the engine sees them.
            Held::Container(_) => true,
        };
        while Instant::now() < end && is_busy(&self.held) {
            tokio::select! {
                passed_on = self.output.pass_on(log), if !self.output.ended() => passed_on?,
                () = sleep_until(Instant::now() + LOOK_AGAIN) => {}
            }
        }
        Ok(())
    }

    /// Ends the environment with every process that is left in it, and takes the rest of the output.
    pub async fn shut_down(mut self, log: &mut Log) -> io::Result<()> {
        if let Held::Container(held) = &self.held {
            passing_on(&mut self.output, log, held.hand_over()).await?;
        }
        // The loop ends with its input, what keeps the environment up with the loop, and the kernel kills the rest.
        drop(self.scripts);
        let patience = match self.held {
            Held::Sandbox(_) | Held::Direct(_) => Duration::from_millis(200),
            Held::Container(_) if self.stuck => Duration::ZERO,
            Held::Container(_) => held_container::LEAVING,
        };
        let left = passing_on(&mut self.output, log, timeout(patience, self.child.wait())).await?;
        match &mut self.held {
            Held::Sandbox(held) => {
                if left.is_err() {
                    self.child.start_kill()?;
                    let _killed: ExitStatus = timeout(PATIENCE, self.child.wait()).await??;
                }
                held.gone().await?;
            }
            Held::Direct(held) => {
                if left.is_err() {
                    self.child.start_kill()?;
                    let _killed: ExitStatus = timeout(PATIENCE, self.child.wait()).await??;
                }
                passing_on(&mut self.output, log, held.end()).await??;
            }
            Held::Container(held) => {
                let removed_itself = matches!(left, Ok(Ok(status)) if status.success());
                match removed_itself {
                    true => held.forget(),
                    false => passing_on(&mut self.output, log, held.remove()).await?,
                }
                let ended = passing_on(&mut self.output, log, timeout(PATIENCE, self.child.wait())).await?;
                if ended.is_err() {
                    // A client whose engine does not answer any more.
                    self.child.start_kill()?;
                }
            }
        }
        let rest = async {
            while !self.output.ended() {
                self.output.pass_on(log).await?;
            }
            Ok(())
        };
        timeout(PATIENCE, rest).await.map_err(io::Error::from).and_then(|rest| rest)?;
        if let Held::Sandbox(held) = &self.held {
            held.remove_bounds();
        }
        Ok(())
    }
}

/// Does work that takes its time, in which output must not be held up: who waits to write would wait for ever.
async fn passing_on<T>(output: &mut Output, log: &mut Log, work: impl Future<Output = T>) -> io::Result<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            passed_on = output.pass_on(log), if !output.ended() => passed_on?,
        }
    }
}

/// What a line of the loop can carry and `su` takes for a name.
fn is_user_name(user: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    user.bytes().next().is_some_and(word)
        && user.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}
