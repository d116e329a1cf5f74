//! Events that are put on a bus here, on their way through the outbox.

use aws::{Event, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::WriteTx;
use uuid::Uuid;

/// The outbox topic of [`Incoming`] events.
pub(super) const TOPIC: &str = "eventbridge/incoming";

/// An event for a bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Incoming {
    /// Of the bus; an event that was forwarded keeps the account and region of its first bus.
    pub scope: Scope,
    pub bus: String,
    pub event: Event,
    pub ingested: Timestamp,
    /// How many buses have passed it on.
    pub hops: u32,
    /// The rule whose schedule made it.
    pub scheduled_by: Option<Uuid>,
    /// ARNs of the rules that alone get it: those of a replay. All rules if there are none.
    #[serde(default)]
    pub for_rules: Vec<String>,
}

impl Incoming {
    pub fn publish(&self, tx: &mut WriteTx<'_>) -> Result<(), store::Error> {
        tx.append(TOPIC, self)
    }
}
