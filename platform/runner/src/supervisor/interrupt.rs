//! What ends a build from outside: somebody stops it, or its time is up.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep_until},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupt {
    Stopped,
    TimedOut,
}

pub(super) struct Interrupts {
    terminate: Signal,
    deadline: Instant,
    stop_request: PathBuf,
    /// Once interrupted, always interrupted.
    happened: Option<Interrupt>,
}

/// Longer than any build; a clock that is asked for more would overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

impl Interrupts {
    /// Must be called within a Tokio runtime; from here on SIGTERM stops the build instead of this process.
    pub fn new(timeout_seconds: u64, stop_request: &Path) -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            deadline: Instant::now() + Duration::from_secs(timeout_seconds).min(LONGEST),
            stop_request: stop_request.to_owned(),
            happened: None,
        })
    }

    /// Whether the build has been interrupted by now.
    pub fn happened(&mut self) -> Option<Interrupt> {
        if self.happened.is_none() && self.stop_request.exists() {
            self.happened = Some(Interrupt::Stopped);
        }
        self.happened
    }

    /// Waits for an interruption.
    pub async fn next(&mut self) -> Interrupt {
        if let Some(interrupt) = self.happened() {
            return interrupt;
        }
        let interrupt = tokio::select! {
            _ = self.terminate.recv() => Interrupt::Stopped,
            () = sleep_until(self.deadline) => Interrupt::TimedOut,
        };
        self.happened = Some(interrupt);
        interrupt
    }
}
