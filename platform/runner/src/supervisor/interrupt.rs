//! What ends a build from outside: somebody stops it, or its time is up.

use std::{fs, io, path::PathBuf, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep, sleep_until},
};

use crate::{folder::Folder, timestamp::uptime_seconds};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupt {
    Stopped,
    TimedOut,
}

pub(super) struct Interrupts {
    terminate: Signal,
    deadline: Instant,
    stop_request: PathBuf,
    hold: Hold,
    /// Once interrupted, always interrupted.
    happened: Option<Interrupt>,
}

/// The file that says how long the build may run, if somebody holds it to that.
struct Hold(Option<PathBuf>);

/// Longer than any build; a clock that is asked for more would overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

impl Interrupts {
    /// Must be called within a Tokio runtime; from here on SIGTERM stops the build instead of this process.
    pub fn new(timeout_seconds: u64, folder: &Folder) -> io::Result<Self> {
        let hold = folder.hold();
        let hold = Hold(hold.try_exists()?.then_some(hold));
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            deadline: Instant::now() + Duration::from_secs(timeout_seconds).min(LONGEST),
            stop_request: folder.stop_request(),
            hold,
            happened: None,
        })
    }

    /// Whether the build has been interrupted by now.
    pub fn happened(&mut self) -> Option<Interrupt> {
        if self.happened.is_none() && (self.stop_request.exists() || self.hold.is_let_go()) {
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
            () = self.hold.let_go() => Interrupt::Stopped,
        };
        self.happened = Some(interrupt);
        interrupt
    }
}

impl Hold {
    /// Whether nobody holds the build any more.
    fn is_let_go(&self) -> bool {
        let until = |hold| fs::read_to_string(hold).ok()?.parse::<u64>().ok();
        self.0.as_ref().is_some_and(|hold| until(hold).is_none_or(|until| uptime_seconds() >= until))
    }

    async fn let_go(&self) {
        match self.0 {
            Some(_) => {
                while !self.is_let_go() {
                    // Not until then at once: a machine that slept meanwhile has to look when it wakes.
                    sleep(Duration::from_secs(1)).await;
                }
            }
            None => std::future::pending().await,
        }
    }
}
