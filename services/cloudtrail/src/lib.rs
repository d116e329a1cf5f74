//! CloudTrail: the record of every call, and trails that deliver records to buckets and log groups.
//!
//! [`CloudTrail`] is the platform's [`Auditor`](aws::Auditor). The record of a call that changes something is durable
//! before the call is answered; those of reads are written together, within a second. `event` is the form of a record
//! (pure), `history` finds records again, and `retention` forgets them after 90 days.
//!
//! `selection` hands a record to the trails that want it, in the transaction that stores it; `delivery` makes log files
//! and digest files of what waits, whose forms stand in `log_file` and `digest` (pure). `operations` are the API.

mod auditor;
mod bucket;
mod delivery;
mod digest;
mod error;
mod event;
mod history;
mod keys;
mod log_file;
mod lookup_events;
mod operations;
mod records;
mod resource;
mod retention;
mod role;
mod selection;
mod selector;

use std::sync::Arc;

use aws::Client;
use seal::Sealer;
use store::Store;
use tokio::sync::mpsc;

use crate::records::Trail;

pub use delivery::Intervals;
pub use error::Error;
pub use operations::router;

/// The name under which bucket policies and roles admit this service.
pub const PRINCIPAL: &str = "cloudtrail.amazonaws.com";

/// The service's state. [`router`] serves its API, [`CloudTrail::run`] delivers trails.
pub struct CloudTrail {
    store: Store,
    client: Client,
    sealer: Sealer,
    intervals: Intervals,
    reads: mpsc::Sender<auditor::Waiting>,
}

impl CloudTrail {
    /// `client` needs no identity: the service gives itself one. `sealer` is for the keys that sign digests.
    /// Must be called within a Tokio runtime: tasks of its own write the records of reads and forget old records.
    pub fn open(store: Store, client: Client, sealer: Sealer, intervals: Intervals) -> Arc<Self> {
        let reads = auditor::start(store.clone());
        let state = Arc::new(Self { store, client, sealer, intervals, reads });
        retention::start(Arc::downgrade(&state));
        state
    }

    /// Delivers trails until the future is dropped. Dropping it at any point loses nothing.
    pub async fn run(self: Arc<Self>) {
        delivery::run(self).await;
    }

    /// CloudTrail itself, on behalf of a trail.
    fn as_service(&self, trail: &Trail) -> Client {
        self.client.as_service(PRINCIPAL, trail.scope.clone()).on_behalf_of(&trail.arn())
    }
}
