//! What is stored. A change of a stored form adds a version and its migration.

pub mod credential;
mod v1;
pub mod webhook;

pub use credential::{CredentialKind, SourceCredential};
pub use v1::*;
pub use webhook::{Delivery, Webhook, WebhookSettings, WebhookStart};
