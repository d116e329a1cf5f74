//! CodeStar Notifications: rules that tell topics of SNS what happens to a pipeline, a build project or a repository.
//!
//! `event_types` and `message` are the pure core: which types of events there are, of which of them an event is, and what a
//! target is told. `delivery` follows the same stream of events that EventBridge does and publishes to the topics;
//! `operations` are the API.

mod delivery;
mod error;
mod event_types;
mod message;
mod operations;
mod records;

use std::sync::Arc;

use aws::Client;
use store::Store;

pub use error::Error;
pub use operations::router;

/// The name under which the policies of topics admit this service.
pub const PRINCIPAL: &str = "codestar-notifications.amazonaws.com";

/// The service's state. [`router`] serves its API, [`CodeStarNotifications::run`] publishes notifications.
pub struct CodeStarNotifications {
    store: Store,
    client: Client,
}

impl CodeStarNotifications {
    /// `client` needs no identity: the service gives itself one.
    pub fn new(store: Store, client: Client) -> Self {
        Self { store, client }
    }

    /// Publishes notifications until the future is dropped. Dropping it at any point loses nothing: what was under way is
    /// taken up again, here or elsewhere, when its lease has ended.
    pub async fn run(self: Arc<Self>) {
        delivery::run(self).await;
    }
}
