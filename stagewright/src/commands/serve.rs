//! `stagewright serve`: the platform behind one port.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aws::Secret;
use server::{Limits, Tls};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::{failed, wait_for};
use crate::config::{Auth, Config, Flags};
use crate::platform::Platform;
use crate::tracing_output;

const KEY_ID: &str = "STAGEWRIGHT_ADMIN_ACCESS_KEY_ID";
const SECRET: &str = "STAGEWRIGHT_ADMIN_SECRET_ACCESS_KEY";
/// Secrets with fewer characters are warned of. Those that AWS makes have 40.
const SHORT_SECRET: usize = 16;
/// From the signal to the end, what is left to be written included. Longer than calls in progress may go on
/// (`Limits::drain`); a supervisor that was promised 10 s kills what takes longer.
const STOPPING: Duration = Duration::from_secs(9);

/// How often the files of the certificate are looked at.
const LOOKS: Duration = Duration::from_secs(15);

#[derive(clap::Args)]
#[command(
    after_help = "Environment:\n  STAGEWRIGHT_ADMIN_ACCESS_KEY_ID, STAGEWRIGHT_ADMIN_SECRET_ACCESS_KEY  the first \
                  administrator's key;\n      without them one is made at the first start and printed once\n  \
                  STAGEWRIGHT_LOG  what is logged: error, warn, info (default), debug"
)]
pub struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

pub fn run(arguments: Arguments) -> ExitCode {
    tracing_output::start();
    let config = match Config::resolve(arguments.flags) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("stagewright: {error}");
            return ExitCode::from(2);
        }
    };
    let given_key = match given_key() {
        Ok(key) => key,
        Err(error) => return failed(error),
    };
    match wait_for(serve(config, given_key)).map_err(Box::from).flatten() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error),
    }
}

/// The administrator's key that the environment gives. Errors: only one half of it, or one with which nobody can sign.
fn given_key() -> Result<Option<(String, Secret)>, String> {
    match (std::env::var(KEY_ID), std::env::var(SECRET)) {
        (Ok(id), Ok(_)) if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
            Err(format!("{KEY_ID} must consist of letters, digits and _: {id:?} does not"))
        }
        (Ok(_), Ok(secret)) if secret.is_empty() => Err(format!("{SECRET} is empty")),
        (Ok(id), Ok(secret)) => {
            if secret.len() < SHORT_SECRET {
                tracing::warn!("{SECRET} is short enough to be guessed");
            }
            Ok(Some((id, Secret::new(secret))))
        }
        (Err(_), Err(_)) => Ok(None),
        (Ok(_), Err(_)) => Err(format!("{KEY_ID} is set, but {SECRET} is not")),
        (Err(_), Ok(_)) => Err(format!("{SECRET} is set, but {KEY_ID} is not")),
    }
}

async fn serve(
    config: Config,
    given_key: Option<(String, Secret)>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let tls = config.tls.as_ref().map(|files| Tls::load(&files.certificate, &files.key)).transpose()?;
    let renewing = tls.map(Arc::new).map(|tls| Ok::<_, std::io::Error>((tls, signal(SignalKind::hangup())?)));
    let renewing = renewing.transpose()?;
    let tls = renewing.as_ref().map(|(tls, _)| tls.clone());
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
    let bound = listener.local_addr()?;
    let mut platform = Platform::open(&config, bound, given_key).await?;
    if let Some((id, secret)) = &platform.administrator.new_key {
        // Shown this once: the store has it sealed, the log does not have it.
        println!("AWS_ACCESS_KEY_ID={id}\nAWS_SECRET_ACCESS_KEY={}", secret.reveal());
    }
    if config.auth == Auth::Open {
        tracing::warn!("every caller is the administrator: --auth open");
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(address = %bound, data = %config.data.display(), "serving on {scheme}://{bound}");
    platform.start();
    let limits = Limits { connections: config.limits.connections, ..Limits::default() };
    let (asked, told) = tokio::sync::oneshot::channel();
    let end_waiting = platform.end_waiting();
    let stop = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
            () = keep_renewed(renewing) => {}
        }
        tracing::info!("stopping");
        end_waiting();
        // Nobody listens when the server has ended already.
        let _ = asked.send(Instant::now());
    };
    server::serve(listener, tls, platform.front_door.clone(), limits, stop).await;
    let ends_by = told.await.unwrap_or_else(|_| Instant::now()) + STOPPING;
    if tokio::time::timeout_at(ends_by, platform.close()).await.is_err() {
        let lost = "the last records of who read what could not be written: the database does not answer";
        tracing::error!(seconds = STOPPING.as_secs(), "{lost}");
        return Err(lost.into());
    }
    Ok(())
}

/// Reads the certificate again on SIGHUP and when its files have changed. Never ready.
async fn keep_renewed(tls: Option<(Arc<Tls>, Signal)>) {
    let Some((tls, mut asked)) = tls else { return std::future::pending().await };
    let mut seen = tls.changed();
    let mut looks = tokio::time::interval(LOOKS);
    loop {
        let is_asked = tokio::select! {
            _ = asked.recv() => true,
            _ = looks.tick() => false,
        };
        let changed = tls.changed();
        if !is_asked && changed == seen {
            continue;
        }
        seen = changed;
        match tls.reload() {
            Ok(()) => tracing::info!("the certificate was read again"),
            Err(error) => tracing::error!(%error, "the certificate was not renewed: the one before goes on"),
        }
    }
}
