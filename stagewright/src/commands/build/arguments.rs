//! The flags of `stagewright build`.

use std::path::PathBuf;

use super::attach::Attach;
use crate::commands::run::arguments::{Pair, Source};

#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 succeeded, 1 failed or stopped, 2 wrong usage, 130 ended by Ctrl-C.\n\nArtifacts and the \
                  log are left in a folder. docs/command-line.md tells the rest."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub local: LocalBuild,
}

#[derive(clap::Subcommand)]
pub enum Command {
    /// Open a shell in a paused build, or in a sandbox, of a running server
    Attach(Attach),
}

/// What is to be built here.
#[derive(clap::Args)]
pub struct LocalBuild {
    /// Folder to build, or a secondary source by its identifier [default: .]
    #[arg(long, value_name = "[ID=]DIR")]
    pub source: Vec<Source>,
    /// The buildspec [default: buildspec.yml in the source]
    #[arg(long, value_name = "FILE")]
    pub buildspec: Option<PathBuf>,
    /// Image to build in, in a container of Podman or Docker [default: a sandbox with this machine's programs]
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// An environment variable of the build
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<Pair>,
    /// An environment variable of this command that the build gets as a secret, hidden in its log
    #[arg(long, value_name = "NAME")]
    pub secret: Vec<String>,
    /// Folder to leave artifacts and the log in [default: .stagewright/build in the source]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// Minutes that the build may take
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(i32).range(5..=2160))]
    pub timeout: i32,
    /// Leave behind what git ignores, and `.git`, as a fresh checkout would
    #[arg(long)]
    pub clean: bool,
    /// After a phase that has failed, open a shell where it failed; the build goes on when it is left
    #[arg(long, conflicts_with = "json")]
    pub shell_on_failure: bool,
    /// Print one JSON object for each thing that happens
    #[arg(long)]
    pub json: bool,
}
