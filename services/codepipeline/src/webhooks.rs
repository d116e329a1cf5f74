//! Webhooks: addresses at which others tell of changes, each for one source action of one pipeline.
//!
//! `json_path`, `filter` and `authentication` decide, without I/O; `endpoint` is what listens; `third_party` tells a
//! Git host of an address. Source: CodePipeline API Reference, PutWebhook; User Guide, "Webhooks".

pub mod address;
pub mod authentication;
mod endpoint;
pub mod filter;
pub mod json_path;
pub(crate) mod third_party;

pub use endpoint::WebhookEndpoint;

/// Webhooks of an account and region at most. Source: CodePipeline quotas.
pub(crate) const LIMIT: usize = 300;
