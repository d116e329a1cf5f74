//! One module per subcommand.

pub mod administration;
pub mod artifact;
pub mod backup;
pub mod build;
pub mod connection;
pub mod coverage;
pub mod demo;
pub mod doctor;
pub mod explain;
pub mod job_worker;
pub mod mirror;
pub mod package;
pub mod pipeline;
pub mod run;
pub mod serve;
pub mod server_access;
pub mod tls;
pub mod validate;
pub mod worker;

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

/// Runs what a command has to wait for to its end, and no longer: a thread that waits for a disk, a child, or what
/// somebody may type, does not hold up the end. Errors: there can be no runtime.
pub fn wait_for<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Runtime::new()?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_millis(500));
    Ok(done)
}

/// Carries out a command. `is_misuse` tells errors that are those of the call.
fn to_the_end<E: Display>(
    work: impl Future<Output = Result<ExitCode, E>>,
    is_misuse: impl Fn(&E) -> bool,
) -> ExitCode {
    match wait_for(work) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) if is_misuse(&error) => misused(error),
        Ok(Err(error)) => failed(error),
        Err(error) => failed(error),
    }
}

/// Prints what is wrong with how a command was called, and gives the exit code for that.
pub fn misused(what: impl Display) -> ExitCode {
    failed(what);
    ExitCode::from(2)
}

/// Prints what went wrong, once, and gives the exit code for it.
pub fn failed(what: impl Display) -> ExitCode {
    eprintln!("stagewright: {what}");
    ExitCode::FAILURE
}
