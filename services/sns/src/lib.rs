//! SNS: topics, and messages that are published to them, on their way to subscribers by HTTP and e-mail.
//!
//! `message`, `filter`, `delivery_policy` and `policy` are the pure core: what a subscriber is sent, which messages it
//! wants, when a failed delivery is tried again, and what a topic's policy may say. `delivery` brings messages to their
//! endpoints, `signing` proves where they come from, `operations` are the API.
//!
//! One message's way: `Publish` stores it and queues a delivery for each subscription that wants it, in one transaction.
//! A worker claims the delivery, signs the message and posts it; what fails for now is tried again as the delivery policy
//! says.

mod config;
mod delivery;
mod delivery_policy;
mod error;
mod filter;
mod message;
mod names;
mod operations;
mod policy;
mod records;
mod signing;

use std::sync::Arc;

use aws::Client;
use seal::Sealer;
use store::Store;

pub use config::{Config, Smtp, SmtpTls, Unusable};
pub use error::Error;
pub use operations::router;
pub use signing::CertificateEndpoint;

/// The name under which the service calls others and policies are probed.
const PRINCIPAL: &str = "sns.amazonaws.com";

/// The service's state. [`router`] serves its API, [`Sns::run`] delivers messages.
pub struct Sns {
    store: Store,
    client: Client,
    sealer: Sealer,
    config: Config,
    signer: signing::Signer,
    http: delivery::Http,
    mailer: Option<delivery::Mailer>,
}

impl Sns {
    /// `client` needs no identity. `sealer` is for the key that signs messages and for the tokens of subscriptions.
    ///
    /// # Errors
    /// What is wrong with the settings of the SMTP server.
    pub fn new(store: Store, client: Client, sealer: Sealer, config: Config) -> Result<Self, Unusable> {
        let mailer = config.smtp.as_ref().map(delivery::Mailer::new).transpose()?;
        let http = delivery::Http::new(config.guard.clone());
        Ok(Self { store, client, sealer, config, signer: signing::Signer::default(), http, mailer })
    }

    /// Delivers messages until the future is dropped. Dropping it at any point loses nothing: what was under way is
    /// taken up again, here or elsewhere, when its lease has ended.
    pub async fn run(self: Arc<Self>) {
        delivery::run(self).await;
    }
}
