//! From events to calls of targets.
//!
//! Events come from two topics of the store's outbox: [`aws::event::TOPIC`], on which services tell the world what
//! happened, and a topic of our own for what `PutEvents`, schedules and forwarding rules put on a bus. [`intake`] reads both
//! in order, lets the [`rules`] of the bus decide, and commits what they decided, the deliveries, their queue entries and
//! its place in the topic in one transaction. [`lanes`] claims those entries and calls [`targets`]. [`timers`] makes the
//! events of schedules. What archives keep is stored in the same transaction ([`archives`]); [`replays`] puts it on the bus
//! again.
//!
//! Nothing polls, and a crash at any point repeats, never loses: what was being delivered is claimed again when its lease
//! ends. A target gets the delivery's id as its client token, so the repetition does nothing where a target knows tokens.

mod archives;
pub(crate) mod authorisation;
mod http;
mod incoming;
mod intake;
mod lanes;
mod replays;
mod role;
mod rules;
mod targets;
pub(crate) mod timers;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::EventBridge;

pub(crate) use archives::empty as empty_archive;
pub(crate) use authorisation::Tokens;
pub(crate) use http::Http;
pub(crate) use incoming::Incoming;
pub(crate) use replays::enqueue as enqueue_replay;
pub(crate) use role::Roles;
pub(crate) use rules::{Compiled, Rules, Unwanted, all as all_rules, document};
pub(crate) use targets::{Destination, Turns};

/// Before a loop that met an error goes on.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a claim holds without a sign of life: how long a crash delays what was under way.
const LEASE: Duration = Duration::from_secs(30);
const WORKER: &str = "eventbridge";

pub(crate) async fn run(eventbridge: Arc<EventBridge>) {
    let mut loops = JoinSet::new();
    loops.spawn(intake::run(eventbridge.clone(), aws::event::TOPIC));
    loops.spawn(intake::run(eventbridge.clone(), incoming::TOPIC));
    lanes::spawn(&mut loops, &eventbridge);
    loops.spawn(authorisation::run(eventbridge.clone()));
    loops.spawn(archives::run_emptying(eventbridge.clone()));
    loops.spawn(archives::run_retention(eventbridge.clone()));
    replays::spawn(&mut loops, &eventbridge);
    loops.spawn(timers::run(eventbridge));
    // The loops never end by themselves; one that panicked must not go unnoticed.
    while let Some(ended) = loops.join_next().await {
        tracing::error!(?ended, "a loop of the event delivery ended");
    }
}
