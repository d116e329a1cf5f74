//! `stagewright worker`: runs builds of a server on this machine.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use codebuild::Isolation;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use uuid::Uuid;

use super::server_access::ServerAccess;
use super::{failed, wait_for};
use crate::config;
use crate::platform::builds::{self, supervisor};
use crate::tracing_output;
use crate::worker::{Ending, Error, Once, Settings, Worker, environment, first_process};

#[derive(clap::Args)]
#[command(
    after_help = "The key is that in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN); its owner must be \
                  allowed stagewright:RunBuilds, on the fleet if there is one. Without a fleet the server's configuration must \
                  say executor = \"workers\" in [builds].\n\n\
                  SIGTERM: takes no new builds, and lets those that run go on for --drain seconds; a second one ends them. \
                  A build that is ended is a fault of its environment, and tried again if its project says so.\n\n\
                  STAGEWRIGHT_LOG  what is logged: error, warn, info (default), debug"
)]
pub struct Arguments {
    /// The server's address, for this worker and for its builds
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    server: String,
    /// Builds at one time [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: Option<u16>,
    /// Folder for builds, for this worker alone [default: $STATE_DIRECTORY, else stagewright-worker below $XDG_STATE_HOME or
    /// ~/.local/state]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How operators know this worker [default: host name and process id]
    #[arg(long)]
    name: Option<String>,
    /// Get the builds of this fleet and no others [default: those without a fleet]
    #[arg(long, value_name = "NAME|ARN")]
    fleet: Option<String>,
    /// How long builds may go on after SIGTERM
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    drain: u64,
    /// In what builds run: with the programs of this machine, in containers of their images, in containers but for AWS's own
    /// images; or the build of --build in the container that this worker is in, as process 1, which then ends with it
    #[arg(long, value_enum, default_value_t = Executor::Sandbox)]
    executor: Executor,
    /// The container engine's client [default: podman, else docker]
    #[arg(long, value_name = "PROGRAM")]
    engine: Option<String>,
    /// Projects may use privileged mode, which is as good as root on this machine
    #[arg(long)]
    allow_privileged: bool,
    /// Configuration file, of which concurrency and read_only_paths of [builds] hold, and [builds.container]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// End after one build
    #[arg(long)]
    once: bool,
    /// Run this build and no other, by the UUID at the end of its id
    #[arg(long, value_name = "UUID")]
    build: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Executor {
    Sandbox,
    Container,
    Auto,
    Direct,
}

pub fn run(arguments: Arguments) -> ExitCode {
    if arguments.executor == Executor::Direct && rustix::process::getpid().is_init() {
        return first_process::run().unwrap_or_else(failed);
    }
    tracing_output::start();
    let prepared = match build_token() {
        Some(_) => aws::Remote::unsigned(&arguments.server, config::default_region())
            .map_err(|error| error.to_string()),
        None => {
            let server = ServerAccess::at(arguments.server.clone(), config::default_region());
            server.connect().map_err(|error| error.to_string())
        }
    };
    let (remote, settings) = match prepared.and_then(|remote| Ok((remote, settings(arguments)?))) {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("stagewright: {error}");
            return ExitCode::from(2);
        }
    };
    match wait_for(work(settings, remote)).map_err(Box::from).flatten() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error),
    }
}

async fn work(settings: Settings, remote: aws::Remote) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let (ending, comes) = watch::channel(Ending::default());
    let drain = settings.drain;
    let worker = Worker::open(settings, remote, supervisor()?, comes).await?;
    let working = worker.run();
    tokio::pin!(working);
    let mut ends_at = None;
    loop {
        tokio::select! {
            ended = &mut working => return ended.map_err(Error::into),
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
            () = at(ends_at) => {}
        }
        if ends_at.is_none() {
            tracing::info!(seconds = drain.as_secs(), "stopping: no new builds are taken");
            ending.send_replace(Ending::Draining);
            ends_at = Some(tokio::time::Instant::now() + drain);
        } else {
            tracing::info!("ending the builds that run");
            ending.send_replace(Ending::Now);
            working.as_mut().await?;
            return Ok(());
        }
    }
}

async fn at(time: Option<tokio::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn settings(arguments: Arguments) -> Result<Settings, String> {
    let settings = arguments.config.as_deref().map(config::builds_of).transpose();
    let settings = settings.map_err(|error| error.to_string())?.unwrap_or_default();
    let once = match (arguments.build, arguments.once) {
        (Some(id), _) => Some(Once::Build(id)),
        (None, true) => Some(Once::Any),
        (None, false) => None,
    };
    Ok(Settings {
        server: arguments.server,
        name: arguments.name.unwrap_or_else(own_name),
        fleet: arguments.fleet,
        data: arguments.data.or_else(usual_folder).ok_or("no data folder: say --data DIR")?,
        concurrency: arguments.concurrency.map_or(settings.concurrency, usize::from).max(1),
        environment: environment(
            (arguments.executor, once),
            arguments.engine,
            arguments.allow_privileged,
            &settings,
        )?,
        read_only_paths: settings.read_only_paths,
        drain: Duration::from_secs(arguments.drain),
        once,
        build_token: build_token(),
    })
}

/// Given to the pod of a build, which has no key.
fn build_token() -> Option<String> {
    std::env::var(kubernetes::BUILD_TOKEN).ok().filter(|token| !token.is_empty())
}

/// Errors: what would have no effect, and a build beside a worker that is not alone with it.
fn environment(
    (executor, once): (Executor, Option<Once>),
    engine: Option<String>,
    allow_privileged: bool,
    builds: &config::Builds,
) -> Result<environment::Settings, String> {
    let isolation = match executor {
        Executor::Sandbox | Executor::Direct if engine.is_some() || allow_privileged => {
            return Err("--engine and --allow-privileged need --executor container or auto".to_owned());
        }
        Executor::Sandbox => return Ok(environment::Settings::Sandboxes),
        Executor::Direct if !matches!(once, Some(Once::Build(_))) => {
            return Err("--executor direct needs --build UUID".to_owned());
        }
        Executor::Direct => {
            let direct = runner::Direct::here(environment::of_image()).map_err(|error| error.to_string())?;
            return Ok(environment::Settings::Direct(direct));
        }
        Executor::Container => Isolation::Container,
        Executor::Auto => Isolation::Auto,
    };
    let mut settings = builds.container.clone();
    settings.engine = engine.map(|program| vec![program]).or(settings.engine);
    settings.privileged |= allow_privileged;
    let (engine, containers) = (builds::engine(&settings), builds::containers(isolation, &settings));
    Ok(environment::Settings::Containers(environment::InContainers { engine, containers }))
}

fn own_name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}-{}", std::process::id())
}

/// Source: systemd.exec(5), "StateDirectory"; XDG Base Directory Specification.
fn usual_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("STATE_DIRECTORY").or_else(|| {
        let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
        Some(state?.join("stagewright-worker"))
    })
}
