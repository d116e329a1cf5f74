//! Change notification: who waits for a queue or a topic is woken when a transaction that touched it is committed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// What a transaction touched that others may wait for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Signal {
    Topic(String),
    Queue(String),
    /// What a service says by [`WriteTx::tell`](crate::WriteTx::tell).
    News(String),
}

/// The waiters of this process. Holds an entry only for what somebody waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    waited_for: Arc<Mutex<HashMap<Signal, watch::Sender<()>>>>,
}

/// Sees every signal that is raised after it was made.
#[derive(Debug)]
pub struct Listener(watch::Receiver<()>);

impl Signals {
    /// Listen first, then look: what is committed in between is then noticed one way or the other.
    pub(crate) fn listen(&self, signal: &Signal) -> Listener {
        let mut waited_for = self.lock();
        let sender = waited_for.entry(signal.clone()).or_insert_with(|| watch::Sender::new(()));
        Listener(sender.subscribe())
    }

    pub(crate) fn raise(&self, signal: &Signal) {
        let mut waited_for = self.lock();
        if let Some(sender) = waited_for.get(signal)
            && sender.send(()).is_err()
        {
            waited_for.remove(signal);
        }
    }

    /// Wakes everybody: after a time in which notifications may have been missed.
    pub(crate) fn raise_all(&self) {
        self.lock().retain(|_, sender| sender.send(()).is_ok());
    }

    /// Ends all waiting: the store is closed.
    pub(crate) fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Signal, watch::Sender<()>>> {
        self.waited_for.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    /// Waits for the next signal. Once the store is closed it answers at once, and the look that follows fails.
    pub async fn raised(&mut self) {
        let _closed = self.0.changed().await;
    }

    /// Forgets the signals raised so far.
    pub fn reset(&mut self) {
        self.0.mark_unchanged();
    }
}
