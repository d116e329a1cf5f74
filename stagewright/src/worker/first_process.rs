//! Process 1 of a container. What loses its parent becomes its child, and nobody else takes its exit status: so the worker is
//! a child of it, and it does nothing else.

use std::io;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use tokio::signal::unix::{SignalKind, signal};

/// Runs this program with the same arguments, and ends with it.
pub fn run() -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut ended = signal(SignalKind::child())?;
        let mut command = Command::new(std::env::current_exe()?);
        let child = command.args(std::env::args_os().skip(1)).spawn()?;
        let worker = Pid::from_raw(child.id().cast_signed()).ok_or_else(|| io::Error::other("no process"))?;
        loop {
            let passed_on = tokio::select! {
                _ = ended.recv() => {
                    if let Some(code) = exit_of(worker)? {
                        return Ok(code);
                    }
                    continue;
                }
                _ = terminated.recv() => Signal::TERM,
                _ = interrupted.recv() => Signal::INT,
            };
            kill_process(worker, passed_on)?;
        }
    })
}

/// Takes the exit statuses of all that has ended; that of the worker, if it has.
fn exit_of(worker: Pid) -> io::Result<Option<ExitCode>> {
    while let Some((process, status)) = wait(WaitOptions::NOHANG)? {
        if process == worker {
            let code = status.exit_status().and_then(|status| u8::try_from(status).ok());
            return Ok(Some(code.map_or(ExitCode::FAILURE, ExitCode::from)));
        }
    }
    Ok(None)
}
