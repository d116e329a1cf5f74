//! Webhooks: what hosts tell, what of it starts builds, and the host's own side of it.

pub(crate) mod endpoint;
pub(crate) mod filter;
pub(crate) mod host;
pub(crate) mod scope;
pub(crate) mod settings;
pub(crate) mod start;
