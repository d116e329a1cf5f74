//! `stagewright doctor`: what this machine offers for running builds, and what to install where it lacks.

mod origins;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use serde_json::json;

use super::{misused, wait_for};
use crate::{config, platform::builds};

#[derive(clap::Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Configuration file of the server, to look for what it asks for
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Propose addresses for [origins] of the configuration: those of this machine's own npm, pip, cargo and mvn
    #[arg(long)]
    origins: bool,
}

/// One thing that the server or its builds need.
struct Check {
    name: &'static str,
    /// Without it the server cannot do its main job.
    required: bool,
    /// What was found, or what is wrong.
    outcome: Result<String, String>,
    remedy: &'static str,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    if arguments.origins {
        origins::print(arguments.json);
        return ExitCode::SUCCESS;
    }
    let builds = match arguments.config.as_deref().map_or(Ok(config::Builds::default()), config::builds_of) {
        Ok(builds) => builds,
        Err(error) => return misused(error),
    };
    // Its workers do, or nobody.
    let runs_sandboxes =
        !matches!(builds.executor, codebuild::Isolation::Workers | codebuild::Isolation::Kubernetes);
    let checks = [
        Check {
            name: "git",
            required: true,
            outcome: version(&["git", "--version"]),
            remedy: "apt-get install git",
        },
        Check {
            name: "bubblewrap",
            required: runs_sandboxes,
            outcome: version(&["bwrap", "--version"]),
            remedy: "apt-get install bubblewrap",
        },
        Check {
            name: "sandbox",
            required: runs_sandboxes,
            outcome: sandbox(),
            remedy: "allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1 (or run as root)",
        },
        Check {
            name: "containers",
            required: matches!(builds.executor, codebuild::Isolation::Container | codebuild::Isolation::Auto),
            outcome: containers(&builds.container),
            remedy: "apt-get install podman (or name the engine in [builds.container] of the configuration)",
        },
    ];
    if arguments.json {
        print_json(&checks);
    } else {
        print_lines(&checks);
    }
    if checks.iter().any(|check| check.required && check.outcome.is_err()) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn print_lines(checks: &[Check]) {
    for check in checks {
        match &check.outcome {
            Ok(found) => println!("ok       {:<12} {found}", check.name),
            Err(wrong) => {
                let word = if check.required { "missing" } else { "absent" };
                println!("{word:<8} {:<12} {wrong}\n{:>22}{}", check.name, "", check.remedy);
            }
        }
    }
}

fn print_json(checks: &[Check]) {
    let rows: Vec<_> = checks
        .iter()
        .map(|check| {
            let (ok, text) = match &check.outcome {
                Ok(found) => (true, found),
                Err(wrong) => (false, wrong),
            };
            json!({"name": check.name, "required": check.required, "ok": ok, "text": text, "remedy": check.remedy})
        })
        .collect();
    println!("{}", json!({ "checks": rows }));
}

fn version(command: &[&str]) -> Result<String, String> {
    run_command(command).map(|output| output.lines().next().unwrap_or_default().to_owned())
}

/// Whether the engine that builds would run in answers.
fn containers(settings: &config::Containers) -> Result<String, String> {
    let engine = builds::engine(settings);
    let checked = wait_for(engine.check()).map_err(|error| error.to_string())?;
    checked.map_err(|error| error.to_string())
}

/// Whether a sandbox of the kind that builds run in can be made at all.
fn sandbox() -> Result<String, String> {
    run_command(&[
        "bwrap",
        "--unshare-all",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "true",
    ])
    .map(|_| "user, pid, ipc, uts, mount and network namespaces work".to_owned())
}

fn run_command(command: &[&str]) -> Result<String, String> {
    let Some((program, arguments)) = command.split_first() else { return Err("nothing to run".to_owned()) };
    let output =
        Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(if text.is_empty() { output.status.to_string() } else { text })
    }
}
