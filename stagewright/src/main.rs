//! The `stagewright` command.

#[macro_use]
mod output;

mod commands;
mod config;
mod definition_file;
mod explanation;
mod job_worker;
mod mirror;
mod package_tools;
mod passage;
mod platform;
mod tracing_output;
mod worker;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use mimalloc::MiMalloc;

use commands::{
    administration, artifact, backup, build, connection, coverage, demo, doctor, explain,
    job_worker as job_worker_command, mirror as mirror_command, package, pipeline, run, serve, tls, validate,
    worker as worker_command,
};

/// A call allocates many small things that live as long as it: a tenth of a server's time goes here, less with this one.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// CI/CD on your own machines, behind the API that AWS developer tools speak.
///
/// Start a server with `stagewright serve --data DIR`, then point any AWS client at it:
/// `aws --endpoint-url http://127.0.0.1:4000 codepipeline list-pipelines`.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage.
#[derive(Parser)]
#[command(name = "stagewright", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API on one port
    Serve(serve::Arguments),
    /// Run a pipeline's definition on a working folder, with no server set up before
    Run(run::Arguments),
    /// Build a working folder by its buildspec, with no server set up before
    Build(build::Arguments),
    /// Show the main job on an example: git push, build, test, approval, deployment
    Demo(demo::Arguments),
    /// Check definitions of pipelines and buildspecs, and say what would be right
    Validate(validate::Arguments),
    /// Check what this machine offers for running builds
    Doctor(doctor::Arguments),
    /// List what is served of each API, and what is not
    Coverage(coverage::Arguments),
    /// Say why something happened, or did not
    Explain(explain::Arguments),
    /// Show, watch, run again and approve executions of a pipeline on a running server
    Pipeline(pipeline::Arguments),
    /// Copy an embedded data folder while the server runs
    Backup(backup::BackupArguments),
    /// Make a data folder out of a backup
    Restore(backup::RestoreArguments),
    /// Manage users of a data folder that no server has open
    User(administration::UserArguments),
    /// Manage access keys of a data folder that no server has open
    Key(administration::KeyArguments),
    /// Let a command work on the jobs of a custom action type of CodePipeline
    JobWorker(job_worker_command::Arguments),
    /// Run builds of a server on this machine
    Worker(worker_command::Arguments),
    /// Let package managers use repositories of CodeArtifact
    Artifact(artifact::Arguments),
    /// Find packages in repositories of CodeArtifact, and clean up
    Package(package::Arguments),
    /// Carry packages with all that they need to where there is no internet
    Mirror(mirror_command::Arguments),
    /// Make an authority of one's own and a certificate for the server
    Tls(tls::Arguments),
    /// Let connections reach their Git hosts
    Connection(connection::Arguments),
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
}

fn main() -> ExitCode {
    // Started for each build, so that it outlives the server: before anything is made that only users need.
    let mut arguments = std::env::args_os().skip(1);
    if let (Some(first), Some(folder), None) = (arguments.next(), arguments.next(), arguments.next())
        && first == platform::builds::SUPERVISE
    {
        return runner::supervisor::main(Path::new(&folder));
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == artifact::CARGO_PLUGIN) {
        return artifact::cargo_plugin();
    }
    match Cli::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Run(arguments) => run::run(arguments),
        Command::Build(arguments) => build::run(arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Coverage(arguments) => coverage::run(&arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Pipeline(arguments) => pipeline::run(arguments),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::User(arguments) => administration::user(&arguments),
        Command::Key(arguments) => administration::key(&arguments),
        Command::JobWorker(arguments) => job_worker_command::run(arguments),
        Command::Worker(arguments) => worker_command::run(arguments),
        Command::Artifact(arguments) => artifact::run(arguments),
        Command::Package(arguments) => package::run(arguments),
        Command::Mirror(arguments) => mirror_command::run(arguments),
        Command::Tls(arguments) => tls::run(&arguments),
        Command::Connection(arguments) => connection::run(arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "stagewright", &mut script);
            print!("{}", String::from_utf8_lossy(&script));
            ExitCode::SUCCESS
        }
    }
}
