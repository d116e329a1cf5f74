//! SQS: standard and FIFO queues, messages that wait in them, and dead-letter queues.
//!
//! `availability` (which messages of a group may be received), `attributes`, `policy`, `draft`, `digest` and `receipt` are
//! the pure core. `queueing` is what becomes of messages, within transactions; `waiting` is long polling, `upkeep` and
//! `moves` go on by themselves, `operations` are the API.
//!
//! One message's way: SendMessage stores its content and, apart from it, the message, whose indexes say from when on it is
//! visible. ReceiveMessage takes what is visible and puts it off by the visibility timeout, so that it comes back by
//! itself unless DeleteMessage takes it away. The groups of a FIFO queue have a record each that says when their first
//! message may be received.

mod attributes;
mod availability;
mod digest;
mod draft;
mod error;
mod moves;
mod names;
mod operations;
mod policy;
mod queueing;
mod receipt;
mod records;
mod upkeep;
mod waiting;

use std::sync::Arc;

use aws::Client;
use seal::Sealer;
use store::Store;
use tokio::sync::{Semaphore, watch};

pub use error::Error;
pub use operations::router;

/// The service's state. [`router`] serves its API, [`Sqs::run`] does what goes on by itself.
pub struct Sqs {
    store: Store,
    client: Client,
    sealer: Sealer,
    endpoint: String,
    /// For calls that wait for messages.
    places: Arc<Semaphore>,
    /// Whether the server is about to stop, so that nobody should wait.
    stopping: watch::Sender<bool>,
}

impl Sqs {
    /// `client` needs no identity. `endpoint` is the server's address, with which the URLs of queues begin. `sealer` is
    /// for the contents of messages.
    pub fn new(store: Store, client: Client, sealer: Sealer, endpoint: &str) -> Self {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let places = Arc::new(Semaphore::new(waiting::MOST_WAITING));
        Self { store, client, sealer, endpoint, places, stopping: watch::Sender::new(false) }
    }

    /// Answers all who wait for messages, with those that there are: the server is about to stop.
    pub fn stop_waiting(&self) {
        self.stopping.send_replace(true);
    }

    /// Takes away what is too old or deleted, and moves messages as tasks ask for, until the future is dropped. Dropping it
    /// at any point loses nothing.
    pub async fn run(self: Arc<Self>) {
        upkeep::run(self).await;
    }
}
