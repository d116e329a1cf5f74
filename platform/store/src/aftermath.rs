//! What is done in this process after a commit: waiters are woken, observers told, and it is counted.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use crate::Payload;
use crate::meters::Meters;
use crate::signal::{Signal, Signals};

/// What a transaction leaves behind to be done once it is committed.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub signals: BTreeSet<Signal>,
    pub appended: Vec<Appended>,
}

/// An outbox entry that was appended.
#[derive(Debug)]
pub(crate) struct Appended {
    pub topic: String,
    pub payload: Payload,
}

/// Shared by the store and its database threads.
#[derive(Clone, Default)]
pub(crate) struct Aftermath {
    pub signals: Signals,
    pub meters: Meters,
    observers: Arc<RwLock<Vec<Observer>>>,
}

#[derive(Clone)]
struct Observer {
    topic: String,
    tell: Arc<dyn Fn(&Payload) + Send + Sync>,
}

impl Effects {
    pub fn extend(&mut self, other: Effects) {
        self.signals.extend(other.signals);
        self.appended.extend(other.appended);
    }
}

impl Aftermath {
    pub fn observe(&self, topic: &str, tell: Arc<dyn Fn(&Payload) + Send + Sync>) {
        let mut observers = self.observers.write().unwrap_or_else(PoisonError::into_inner);
        observers.push(Observer { topic: topic.to_owned(), tell });
    }

    pub fn follow(&self, effects: &Effects) {
        for signal in &effects.signals {
            self.signals.raise(signal);
        }
        if effects.appended.is_empty() {
            return;
        }
        let observers = self.observers.read().unwrap_or_else(PoisonError::into_inner);
        for appended in &effects.appended {
            for observer in observers.iter().filter(|observer| observer.topic == appended.topic) {
                // The database thread must outlive an observer's mistake.
                if catch_unwind(AssertUnwindSafe(|| (observer.tell)(&appended.payload))).is_err() {
                    tracing::error!(topic = appended.topic, "An observer of the outbox panicked.");
                }
            }
        }
    }
}
