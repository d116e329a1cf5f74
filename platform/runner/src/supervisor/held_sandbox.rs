//! A sandbox as the supervisor holds it: by its processes, which are the supervisor's descendants.

use std::{io, os::fd::OwnedFd, process::Stdio};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tokio::{
    io::unix::AsyncFd,
    process::{Child, Command},
    time::timeout,
};

use super::{control_group::ControlGroup, environment::PATIENCE, limits, script::LOOP};
use crate::{
    folder::Folder,
    plan::{Limits, Plan},
    process::descendants,
    readiness::readiness,
    sandbox::Sandbox,
};

pub(super) struct HeldSandbox {
    pid: Pid,
    control_group: ControlGroup,
    /// The environment's process 1. When it has ended, so has everything in the environment.
    init: Option<AsyncFd<OwnedFd>>,
}

impl HeldSandbox {
    /// Starts bubblewrap with the loop.
    pub fn spawn(folder: &Folder, plan: &Plan, sandbox: &Sandbox) -> io::Result<(Child, Self)> {
        let host_name = &plan.id.simple().to_string()[..12];
        sandbox.furnish(folder, host_name)?;
        let mut command = Command::new(&sandbox.bwrap);
        command
            .args(sandbox.arguments(folder, plan, host_name))
            .args(["/bin/sh", "-c", LOOP, "sh", plan.shell.path_on_machine()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", sandbox.bwrap.display())))?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.ok_or_else(|| io::Error::other("bubblewrap has ended"))?;
        let control_group = ControlGroup::create(&plan.id.to_string(), &plan.limits);
        Ok((child, Self { pid, control_group, init: None }))
    }

    /// Puts the loop, which is up and has started nothing yet, under its limits.
    pub fn bound(&mut self, limits: &Limits) -> io::Result<()> {
        let keepers = self.keepers();
        if let Some(&init) = keepers.first() {
            self.init = Some(readiness(pidfd_open(init, PidfdFlags::NONBLOCK)?)?);
        }
        if let Some(&shell) = keepers.get(1) {
            self.control_group.admit(shell);
            limits::apply(shell, limits, &self.control_group);
        }
        Ok(())
    }

    /// SIGTERM to everything inside.
    pub fn terminate(&self) {
        for process in self.others() {
            // Gone already, if it fails.
            let _gone = kill_process(process, Signal::TERM);
        }
    }

    /// Whether anything runs inside.
    pub fn is_busy(&self) -> bool {
        !self.others().is_empty()
    }

    /// The build's own processes.
    fn others(&self) -> Vec<Pid> {
        let keepers = self.keepers();
        descendants(self.pid).into_iter().filter(|process| !keepers.contains(process)).collect()
    }

    /// The processes that keep the environment up: bubblewrap's own init, which would not end the environment by
    /// SIGTERM, and the loop below it, which tells when the script has ended.
    fn keepers(&self) -> Vec<Pid> {
        descendants(self.pid).into_iter().take(2).collect()
    }

    /// Waits for the last process inside: bubblewrap ends a little earlier than what it has started.
    pub async fn gone(&self) -> io::Result<()> {
        if let Some(init) = &self.init {
            timeout(PATIENCE, init.readable()).await??.retain_ready();
        }
        Ok(())
    }

    /// After the last process has ended.
    pub fn remove_bounds(&self) {
        self.control_group.remove();
    }
}
