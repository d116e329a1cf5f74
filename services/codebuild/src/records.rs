//! What is stored. A change of a stored form adds a version and its migration.

mod api_json;
mod batch;
mod cache;
mod command_execution;
pub mod credential;
mod fleet;
mod reports;
mod resource_policy;
mod v1;
pub mod webhook;

pub use batch::*;
pub use cache::*;
pub use command_execution::CommandExecution;
pub use credential::{CredentialKind, SourceCredential};
pub use fleet::*;
pub use reports::*;
pub use resource_policy::*;
pub use v1::*;
pub use webhook::{Delivery, Webhook, WebhookSettings, WebhookStart, Withheld};
