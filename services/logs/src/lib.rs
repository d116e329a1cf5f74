//! CloudWatch Logs: groups of streams of events, searched by filter patterns.
//!
//! Events are kept in compressed chunks (see [`chunks`]): the chunks of a stream do not overlap, so a page is read
//! from either end without reading the rest. Searching a group ([`search`]) merges the streams that have events in
//! the time asked for, as their events come.

pub mod chunks;
mod error;
pub mod filter;
mod operations;
mod position;
mod records;
mod search;
mod service;

pub use error::Error;
pub use service::Logs;
