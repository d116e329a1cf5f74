//! A build beside its worker, as the supervisor holds it: everything that runs in the container but itself, those above it
//! and the loop.

use std::{
    io::{self, Write},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::{environment::PATIENCE, limits, script::CONTAINER_LOOP};
use crate::{
    direct::{self, Direct},
    folder::Folder,
    plan::{Limits, Plan},
    process::{all, ancestors},
};

/// Between two looks whether processes have gone.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(super) struct HeldDirect {
    folder: Folder,
    /// The loop.
    shell: Pid,
    /// The supervisor and those above it.
    keepers: Vec<Pid>,
}

impl HeldDirect {
    /// Puts the build's files in their place and starts the loop.
    pub fn spawn(folder: &Folder, plan: &Plan, direct: &Direct) -> io::Result<(Child, Self)> {
        direct::move_in(folder, &plan.binds)?;
        let mut command = Command::new("/bin/sh");
        // Exit codes and output come by pipes of the loop's own: no mark is needed.
        command.args(["-c", CONTAINER_LOOP, "sh", plan.shell.path(), ""]).current_dir("/");
        command.env_clear().envs(direct.environment());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child =
            command.spawn().map_err(|error| io::Error::new(error.kind(), format!("/bin/sh: {error}")))?;
        let shell = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let shell = shell.ok_or_else(|| io::Error::other("the shell has ended"))?;
        let keepers = ancestors(rustix::process::getpid());
        Ok((child, Self { folder: folder.clone(), shell, keepers }))
    }

    /// Puts the loop, which is up and has started nothing yet, under its limits. Memory and processes are the container's.
    pub fn bound(&self, limits: &Limits) {
        limits::apply_to_files(self.shell, limits);
    }

    /// SIGTERM to everything of the build.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Whether anything of the build runs.
    pub fn is_busy(&self) -> bool {
        !self.others().is_empty()
    }

    /// After the loop has ended: ends what is left, and puts the build's files back.
    pub async fn end(&self) -> io::Result<()> {
        let late = Instant::now() + PATIENCE;
        while self.is_busy() {
            if Instant::now() > late {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "processes of the build do not end"));
            }
            self.signal(Signal::KILL);
            sleep(LOOK_AGAIN).await;
        }
        let folder = self.folder.clone();
        let moved = tokio::task::spawn_blocking(move || direct::move_out(&folder)).await;
        moved.map_err(io::Error::other).and_then(|moved| moved).inspect_err(|error| {
            // Standard error is the build's `supervisor.log`.
            let _unwritable = writeln!(io::stderr(), "the files of the build: {error}");
        })
    }

    fn signal(&self, signal: Signal) {
        for process in self.others() {
            // Gone already, if it fails.
            let _gone = kill_process(process, signal);
        }
    }

    fn others(&self) -> Vec<Pid> {
        all()
            .into_iter()
            .filter(|process| *process != self.shell && !self.keepers.contains(process))
            .collect()
    }
}
