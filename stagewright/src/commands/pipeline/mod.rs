//! `stagewright pipeline`: executions of pipelines on a running server.

mod approve;
mod clean_artifacts;
mod picture;
mod rerun;
mod show;
mod watch;

use std::process::ExitCode;

use clap::Subcommand;

use super::to_the_end;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Show the executions that are in progress, or one of them in full
    Show(show::Arguments),
    /// Follow an execution to its end
    Watch(watch::Arguments),
    /// Start a new execution in the middle: at a stage, or with one action alone, with the artifacts of an earlier one
    Rerun(rerun::Arguments),
    /// Delete artifacts of old executions, or show which would be deleted
    CleanArtifacts(clean_artifacts::Arguments),
    /// Answer a manual approval of an execution
    Approve(approve::Arguments),
}

pub fn run(arguments: Arguments) -> ExitCode {
    let work = async {
        match arguments.what {
            What::Show(arguments) => show::run(arguments).await,
            What::Watch(arguments) => watch::run(arguments).await,
            What::Rerun(arguments) => rerun::run(arguments).await,
            What::CleanArtifacts(arguments) => clean_artifacts::run(arguments).await,
            What::Approve(arguments) => approve::run(arguments).await,
        }
    };
    to_the_end(work, |error| matches!(error, Error::Access(_)))
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Access(#[from] super::server_access::Error),
    #[error(transparent)]
    Call(#[from] aws::Error),
    #[error(transparent)]
    Closed(#[from] super::run::view::Closed),
    #[error("{0}")]
    Nothing(String),
}
