//! Running the `git` program: with a clean environment, with bounds, never through a shell.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;

/// How much of what git says on standard error is kept for the log or the client.
const KEPT_MESSAGES: u64 = 64 * 1024;

/// The installed git, and how many of its processes may run at once.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
    slots: Arc<Semaphore>,
}

/// A running git and its slot, given back when both are dropped. Dropping kills the process.
#[derive(Debug)]
pub struct Running {
    pub child: Child,
    _slot: OwnedSemaphorePermit,
}

impl Git {
    /// `processes`: how many may run at once; callers beyond that wait.
    pub fn new(program: impl Into<PathBuf>, processes: usize) -> Self {
        Self { program: program.into(), slots: Arc::new(Semaphore::new(processes)) }
    }

    /// A command on a repository. The environment holds nothing of the server's but `PATH`, and no configuration
    /// of the machine or of a user takes part.
    pub fn command(&self, repository: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_DIR", repository)
            // The folder is ours even where the server's user changed since it was made.
            .args(["-c", "safe.directory=*"])
            .current_dir(repository)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts a command when a slot is free.
    pub async fn start(&self, mut command: Command) -> Result<Running, Error> {
        let slot =
            self.slots.clone().acquire_owned().await.map_err(|error| Error::Task(error.to_string()))?;
        let child =
            command.spawn().map_err(Error::io(format!("{} cannot be started", self.program.display())))?;
        Ok(Running { child, _slot: slot })
    }

    /// Runs a command to its end. Standard output is for short answers: it is kept whole.
    /// Errors: `Failed` with what git said when it does not end with 0.
    pub async fn run(&self, name: &'static str, command: Command) -> Result<Vec<u8>, Error> {
        let running = self.start(command).await?;
        let output = running.child.wait_with_output().await.map_err(Error::io(format!("git {name}")))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Failed { command: name, status: output.status.to_string(), message })
    }
}

/// Reads what a process says on standard error to its end, and keeps the beginning.
pub async fn messages(mut stderr: tokio::process::ChildStderr) -> String {
    let mut kept = Vec::new();
    // A process that cannot write its messages blocks: whatever is beyond the bound is read and dropped.
    let read = (&mut stderr).take(KEPT_MESSAGES).read_to_end(&mut kept).await;
    if read.is_ok() {
        let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}
