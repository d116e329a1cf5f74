//! CloudTrail: the record of every call.
//!
//! [`CloudTrail`] is the platform's [`Auditor`](aws::Auditor). The record of a call that changes something is durable
//! before the call is answered; those of reads are written together, within a second. `event` is the form of a record
//! (pure), `history` finds records again, and `retention` forgets them after 90 days.

mod auditor;
mod error;
mod event;
mod history;
mod lookup_events;
mod records;
mod resource;
mod retention;

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
    /// Must be called within a Tokio runtime: tasks of its own write the records of reads and forget old records.
    pub fn open(store: Store) -> Arc<Self> {
        let reads = auditor::start(store.clone());
        let state = Arc::new(Self { store, reads });
        retention::start(Arc::downgrade(&state));
        state
    }
}

pub fn router(state: Arc<CloudTrail>) -> Router {
    Router::of(&cloudtrail_model::CLOUDTRAIL, state)
        .on::<cloudtrail_model::LookupEvents, _>(lookup_events::lookup_events, |_, _| vec![Access::any()])
        .build()
}
