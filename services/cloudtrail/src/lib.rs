//! CloudTrail: the record of every call.
//!
//! [`CloudTrail`] is the platform's [`Auditor`](aws::Auditor). The record of a call that changes something is durable
//! before the call is answered; those of reads are written together, within a second. [`event`] is the form of a
//! record (pure), [`lookup_events`] the operation that finds them again.

mod auditor;
mod error;
mod event;
mod lookup_events;
mod records;

use std::sync::Arc;

use aws::{Access, Router};
use store::Store;
use tokio::sync::mpsc;

pub use error::Error;

/// The service's state.
pub struct CloudTrail {
    store: Store,
    reads: mpsc::Sender<auditor::Waiting>,
}

impl CloudTrail {
    /// Must be called within a Tokio runtime: a task of its own writes the records of reads.
    pub fn open(store: Store) -> Arc<Self> {
        let reads = auditor::start(store.clone());
        Arc::new(Self { store, reads })
    }
}

pub fn router(state: Arc<CloudTrail>) -> Router {
    Router::of(&cloudtrail_model::CLOUDTRAIL, state)
        .on::<cloudtrail_model::LookupEvents, _>(lookup_events::lookup_events, |_, _| vec![Access::any()])
        .build()
}
