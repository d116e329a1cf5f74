//! The process that holds one build: it starts the environment, runs the phases, and writes down what happens.
//!
//! It lives in a session of its own, so a server that is stopped or killed does not take it along. One thread, no
//! open port, nothing to configure: it knows its folder and what stands in the plan.

pub(crate) mod control_group;
mod environment;
mod held_container;
mod held_direct;
mod held_sandbox;
mod interrupt;
mod journal;
mod limits;
mod log;
mod output;
mod phases;
mod script;
mod session;
mod side;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{folder::Folder, process::ProcessId};

/// First line of standard output: the supervisor holds the build from here on.
pub(crate) const READY: &str = "ready";
/// First line of standard output: another supervisor holds the build.
pub(crate) const TAKEN: &str = "taken";

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the build's folder: {0}")]
    Folder(io::Error),
    #[error("the plan: {0}")]
    Plan(io::Error),
    #[error("this process is not in /proc")]
    NoProc,
    #[error("the runtime: {0}")]
    Runtime(io::Error),
    #[error("what happened could not be written down: {0}")]
    Journal(io::Error),
}

/// Runs the build whose folder this is, until its end. The whole body of `stagewright supervise <folder>`.
///
/// Fails if the folder has no plan. How the build ended is not told by the exit code but by its final event.
pub fn main(folder: &Path) -> ExitCode {
    match supervise(folder.to_owned()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the build's supervisor.log.
            let _unwritable = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn supervise(folder: PathBuf) -> Result<(), Error> {
    // Fails only when this process leads a group already; then it was started with a session by somebody else.
    let _session = rustix::process::setsid();
    let folder = Folder::new(folder);
    let Some(_lock) = folder.lock().map_err(Error::Folder)? else {
        greet(TAKEN);
        return Ok(());
    };
    let assignment = folder.read_assignment().map_err(Error::Plan)?;
    folder.write_supervisor(ProcessId::own().ok_or(Error::NoProc)?).map_err(Error::Folder)?;
    fs::remove_file(folder.plan()).map_err(Error::Plan)?;

    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(async {
        // Listening before anybody can know of this process: a stop that comes early is not lost.
        let interrupts =
            interrupt::Interrupts::new(assignment.plan.timeout_seconds, &folder).map_err(Error::Runtime)?;
        greet(READY);
        session::run(&folder, assignment, interrupts).await.map_err(Error::Journal)
    })
}

/// Says one word to the executor and then lets go of its pipe. A server that has died meanwhile does not hear it; the
/// build goes on, and is found by the next one.
fn greet(word: &str) {
    let mut stdout = io::stdout();
    let _unheard = writeln!(stdout, "{word}").and_then(|()| stdout.flush());
    if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
        let _still_open = rustix::stdio::dup2_stdout(null);
    }
}
