//! The threads that talk to the database.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use crate::Error;
use crate::job::Job;

/// The threads of one store.
#[derive(Default)]
pub(crate) struct Threads(Mutex<Vec<JoinHandle<()>>>);

/// A channel of jobs whose receiving end several threads share.
#[derive(Clone)]
pub(crate) struct Jobs(Arc<Mutex<mpsc::Receiver<Box<dyn Job>>>>);

impl Threads {
    pub(crate) fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let handle = thread::Builder::new().name(name.to_owned()).spawn(run).map_err(Error::engine)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(())
    }

    /// Waits until all threads have ended.
    pub(crate) fn join(&self) {
        let handles = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for handle in handles {
            if handle.join().is_err() {
                tracing::error!("A database thread had panicked.");
            }
        }
    }
}

impl Jobs {
    pub(crate) fn new(receiver: mpsc::Receiver<Box<dyn Job>>) -> Jobs {
        Jobs(Arc::new(Mutex::new(receiver)))
    }

    /// Waits for the next job; `None` when the store is closed and nothing is left. One of the threads waits in the
    /// channel, the others for their turn.
    pub(crate) fn next(&self) -> Option<Box<dyn Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
    }
}
