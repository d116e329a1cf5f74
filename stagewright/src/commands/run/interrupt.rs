//! What ends a command from outside.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// Ctrl-C.
    Interrupted,
    Terminated,
    /// The terminal is gone.
    HungUp,
}

/// From here on the signals come here, and do not end the process.
pub struct Interrupts {
    interrupted: Signal,
    terminated: Signal,
    hung_up: Signal,
}

impl Interrupt {
    /// As shells have it: 128 and the number of the signal.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl Interrupts {
    /// Must be called within a runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
            hung_up: signal(SignalKind::hangup())?,
        })
    }

    pub async fn next(&mut self) -> Interrupt {
        tokio::select! {
            _ = self.interrupted.recv() => Interrupt::Interrupted,
            _ = self.terminated.recv() => Interrupt::Terminated,
            _ = self.hung_up.recv() => Interrupt::HungUp,
        }
    }
}
