//! EventBridge: buses on which events are published, and rules that bring them to targets.
//!
//! `input` and `schedule` are the pure core, with the patterns of crate `pattern`: what a pattern matches and why it does
//! not, what a target is given, when a schedule is due. `delivery` takes events in from the store's outbox, lets the rules decide, and calls the
//! targets; `operations` are the API.
//!
//! One event's way: a service appends it to the outbox in the transaction that makes what it tells of, or `PutEvents`
//! does. The event is judged by the rules of its bus, and one transaction records what they decided and queues a delivery
//! for each target. A worker claims it, becomes the target's role and makes the call.

mod delivery;
mod error;
pub mod input;
mod names;
mod operations;
mod records;
pub mod schedule;

use std::sync::Arc;

use aws::Client;
use outbound::Guard;
use seal::Sealer;
use store::Store;

use crate::records::{Auth, Connection};

pub use error::Error;
pub use operations::router;

/// The name under which roles admit this service.
pub const PRINCIPAL: &str = "events.amazonaws.com";

/// The service's state. [`router`] serves its API, [`EventBridge::run`] delivers events.
pub struct EventBridge {
    store: Store,
    client: Client,
    rules: delivery::Rules,
    roles: delivery::Roles,
    sealer: Sealer,
    http: delivery::Http,
    tokens: delivery::Tokens,
    turns: delivery::Turns,
}

impl EventBridge {
    /// `client` needs no identity: the service gives itself one. `sealer` is for the secrets of connections,
    /// `guard` makes the connections to API destinations.
    pub fn new(store: Store, client: Client, sealer: Sealer, guard: Guard) -> Self {
        Self {
            store,
            client,
            sealer,
            rules: delivery::Rules::default(),
            roles: delivery::Roles::default(),
            http: delivery::Http::new(guard),
            tokens: delivery::Tokens::default(),
            turns: delivery::Turns::default(),
        }
    }

    /// Delivers events until the future is dropped. Dropping it at any point loses nothing: what was under way is taken
    /// up again, here or elsewhere, when its lease has ended.
    pub async fn run(self: Arc<Self>) {
        delivery::run(self).await;
    }

    fn seal(&self, connection: &Connection, auth: &Auth) -> Result<String, Error> {
        let plain = serde_json::to_vec(auth).map_err(|_| seal::SealError::Seal)?;
        Ok(self.sealer.seal(&connection.purpose(), &plain)?)
    }

    /// What a connection adds to requests; `None` once it was deauthorised.
    fn auth_of(&self, connection: &Connection) -> Result<Option<Auth>, Error> {
        let Some(sealed) = &connection.sealed else { return Ok(None) };
        let plain = self.sealer.open(&connection.purpose(), sealed)?;
        Ok(serde_json::from_slice(&plain).map(Some).map_err(|_| seal::SealError::Open)?)
    }
}
