//! The isolated environment: one shell loop behind three pipes.
//!
//! Scripts go in on its standard input, exit codes come back on standard output, and everything that commands write
//! comes on standard error. The same three streams exist in every container engine.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tokio::{
    io::unix::AsyncFd,
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::{Instant, sleep_until, timeout},
};

use super::{
    control_group::ControlGroup,
    interrupt::{Interrupt, Interrupts},
    limits,
    log::Log,
    script::{LOOP, SCRIPT_PATH},
};
use crate::{
    folder::{Assignment, Folder},
    process::descendants,
    readiness::readiness,
};

/// How long an environment may take to come up, or to go when nothing runs in it any more.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether processes have gone.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// What a pipe holds at most: after the end of a command no more of its output can be under way.
const PIPE_BYTES: usize = 64 * 1024;

pub(super) struct Environment {
    child: Child,
    pid: Pid,
    scripts: ChildStdin,
    exit_codes: Lines<BufReader<ChildStdout>>,
    output: ChildStderr,
    output_ended: bool,
    control_group: ControlGroup,
    /// The environment's process 1. When it has ended, so has everything in the environment.
    init: Option<AsyncFd<OwnedFd>>,
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
    /// Brings the environment up, within its limits. Fails with what bubblewrap has to say.
    pub async fn start(folder: &Folder, assignment: &Assignment) -> io::Result<Self> {
        let Assignment { plan, sandbox } = assignment;
        let host_name = &plan.id.simple().to_string()[..12];
        sandbox.furnish(folder, host_name)?;
        let mut command = Command::new(&sandbox.bwrap);
        command
            .args(sandbox.arguments(folder, plan, host_name))
            .args(["/bin/sh", "-c", LOOP, "sh", plan.shell.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", sandbox.bwrap.display())))?;
        let missing = || io::Error::other("the environment has no pipes");
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).ok_or_else(missing)?;
        let mut environment = Self {
            scripts: child.stdin.take().ok_or_else(missing)?,
            exit_codes: BufReader::new(child.stdout.take().ok_or_else(missing)?).lines(),
            output: child.stderr.take().ok_or_else(missing)?,
            output_ended: false,
            control_group: ControlGroup::create(&plan.id.to_string(), &plan.limits),
            child,
            pid,
            init: None,
        };
        environment.await_ready().await?;
        if let Some(&init) = environment.keepers().first() {
            environment.init = Some(readiness(pidfd_open(init, PidfdFlags::NONBLOCK)?)?);
        }
        if let Some(&shell) = environment.keepers().get(1) {
            environment.control_group.admit(shell);
            limits::apply(shell, &plan.limits, &environment.control_group);
        }
        Ok(environment)
    }

    async fn await_ready(&mut self) -> io::Result<()> {
        let ready = timeout(PATIENCE, self.exit_codes.next_line()).await??;
        if ready.as_deref() == Some("ready") {
            return Ok(());
        }
        let mut complaint = Vec::new();
        (&mut self.output).take(PIPE_BYTES as u64).read_to_end(&mut complaint).await?;
        Err(io::Error::other(String::from_utf8_lossy(&complaint).trim().to_owned()))
    }

    /// Runs the script that stands at [`SCRIPT_PATH`] and writes its output to the log. Gives its exit code.
    pub async fn run(&mut self, log: &mut Log, interrupts: &mut Interrupts) -> Result<i32, Ended> {
        if let Some(interrupt) = interrupts.happened() {
            return Err(Ended::Interrupted(interrupt));
        }
        if self.scripts.write_all(format!("{SCRIPT_PATH}\n").as_bytes()).await.is_err() {
            return Err(Ended::Dead);
        }
        let mut chunk = vec![0; PIPE_BYTES];
        loop {
            tokio::select! {
                interrupt = interrupts.next() => return Err(Ended::Interrupted(interrupt)),
                read = self.output.read(&mut chunk), if !self.output_ended => match read? {
                    0 => self.output_ended = true,
                    length => log.output(&chunk[..length])?,
                },
                line = self.exit_codes.next_line() => {
                    let code = line?.and_then(|line| line.parse().ok());
                    self.drain(log)?;
                    return code.ok_or(Ended::Dead);
                }
            }
        }
    }

    /// Takes what the pipe holds right now: the ended command's last output, and not what a process that it has left
    /// in the background goes on to write.
    fn drain(&mut self, log: &mut Log) -> io::Result<()> {
        let mut chunk = vec![0; PIPE_BYTES];
        let mut drained = 0;
        while drained < PIPE_BYTES {
            match rustix::io::read(self.output.as_fd(), &mut chunk) {
                Ok(0) => {
                    self.output_ended = true;
                    break;
                }
                Ok(length) => {
                    log.output(&chunk[..length])?;
                    drained += length;
                }
                Err(rustix::io::Errno::INTR) => {}
                // Nothing there. Read past Tokio, whose idea of readiness may be older than the exit code.
                Err(rustix::io::Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits while no script runs, and takes what others write. May be dropped and called again.
    pub async fn idle(&mut self, log: &mut Log, interrupts: &mut Interrupts) -> Ended {
        let mut chunk = vec![0; PIPE_BYTES];
        loop {
            tokio::select! {
                interrupt = interrupts.next() => return Ended::Interrupted(interrupt),
                read = self.output.read(&mut chunk), if !self.output_ended => match read {
                    Ok(0) => self.output_ended = true,
                    Ok(length) => if let Err(error) = log.output(&chunk[..length]) { return error.into() },
                    Err(error) => return error.into(),
                },
                // The loop says nothing of its own accord.
                _said = self.exit_codes.next_line() => return Ended::Dead,
            }
        }
    }

    /// As [`Environment::terminate`] while no script runs: until the processes have gone, not until one has ended.
    pub async fn terminate_idle(&mut self, log: &mut Log, grace: Duration) -> io::Result<()> {
        let keepers = self.keepers();
        let others = |pid| descendants(pid).into_iter().filter(|process| !keepers.contains(process));
        for process in others(self.pid) {
            // Gone already, if it fails.
            let _gone = kill_process(process, Signal::TERM);
        }
        let end = Instant::now() + grace;
        let mut chunk = vec![0; PIPE_BYTES];
        while Instant::now() < end && others(self.pid).next().is_some() {
            tokio::select! {
                read = self.output.read(&mut chunk), if !self.output_ended => match read? {
                    0 => self.output_ended = true,
                    length => log.output(&chunk[..length])?,
                },
                () = sleep_until(Instant::now() + LOOK_AGAIN) => {}
            }
        }
        Ok(())
    }

    /// SIGTERM to everything inside, and to what is left after `grace` SIGKILL.
    pub async fn terminate(&mut self, log: &mut Log, grace: Duration) -> io::Result<()> {
        let keepers = self.keepers();
        for process in descendants(self.pid).into_iter().filter(|process| !keepers.contains(process)) {
            // Gone already, if it fails.
            let _gone = kill_process(process, Signal::TERM);
        }
        let end = Instant::now() + grace;
        let mut chunk = vec![0; PIPE_BYTES];
        loop {
            tokio::select! {
                read = self.output.read(&mut chunk), if !self.output_ended => match read? {
                    0 => self.output_ended = true,
                    length => log.output(&chunk[..length])?,
                },
                _script_ended = self.exit_codes.next_line() => break,
                () = sleep_until(end) => break,
            }
        }
        Ok(())
    }

    /// The processes that keep the environment up: bubblewrap's own init, which would not end the environment by
    /// SIGTERM, and the loop below it, which tells when the script has ended.
    fn keepers(&self) -> Vec<Pid> {
        descendants(self.pid).into_iter().take(2).collect()
    }

    /// Ends the environment with every process that is left in it, and takes the rest of the output.
    pub async fn shut_down(mut self, log: &mut Log) -> io::Result<()> {
        // The loop ends with its input, bubblewrap's init with the loop, and the kernel kills the rest with it.
        drop(self.scripts);
        if timeout(Duration::from_millis(200), self.child.wait()).await.is_err() {
            self.child.start_kill()?;
            let _killed: ExitStatus = timeout(PATIENCE, self.child.wait()).await??;
        }
        if let Some(init) = &self.init {
            // bubblewrap ends a little earlier than what it has started.
            timeout(PATIENCE, init.readable()).await??.retain_ready();
        }
        let mut chunk = vec![0; PIPE_BYTES];
        let rest = async {
            while !self.output_ended {
                match self.output.read(&mut chunk).await? {
                    0 => self.output_ended = true,
                    length => log.output(&chunk[..length])?,
                }
            }
            Ok(())
        };
        timeout(PATIENCE, rest).await.map_err(io::Error::from).and_then(|rest| rest)?;
        self.control_group.remove();
        Ok(())
    }
}
