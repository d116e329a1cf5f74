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

/// Carries out what a command has to wait for, on one thread. `is_misuse` tells errors that are those of the call.
fn to_the_end<E: Display>(
    work: impl Future<Output = Result<ExitCode, E>>,
    is_misuse: impl Fn(&E) -> bool,
) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work).unwrap_or_else(|error| match is_misuse(&error) {
            true => misused(error),
            false => failed(error),
        }),
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
