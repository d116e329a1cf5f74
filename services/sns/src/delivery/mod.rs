//! From a published message to its subscribers.
//!
//! [`spread`] makes a delivery for each subscription that wants a message, in the transaction that stores it; a topic with
//! very many subscriptions is gone through page by page. [`work`] claims deliveries, sends them by [`http`] or [`mail`],
//! and tries again what failed for now. [`cleanup`] takes away what nobody needs any more.
//!
//! Nothing polls, and a crash at any point repeats, never loses: what was under way is claimed again when its lease ends.
//! So a subscriber may get a message twice, with the same message id; order is not promised.

pub(crate) mod cleanup;
mod http;
mod mail;
mod queue;
pub(crate) mod spread;
mod work;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Sns;

pub(crate) use http::{Http, check_url};
pub(crate) use mail::Mailer;
pub(crate) use work::{enqueue_confirmation, enqueue_farewell};

/// Before a loop that met an error goes on.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a claim holds without a sign of life: how long a crash delays what was under way. Longer than one attempt.
const LEASE: Duration = Duration::from_secs(40);
const WORKER: &str = "sns";
/// Deliveries that are under way at one time.
const WORKERS: usize = 64;

pub(crate) async fn run(sns: Arc<Sns>) {
    let mut loops = JoinSet::new();
    loops.spawn(spread::run(sns.clone()));
    loops.spawn(cleanup::run(sns.clone()));
    loops.spawn(work::run(sns, Arc::new(Semaphore::new(WORKERS))));
    // The loops never end by themselves; one that panicked must not go unnoticed.
    while let Some(ended) = loops.join_next().await {
        tracing::error!(?ended, "a loop of the delivery of messages ended");
    }
}
