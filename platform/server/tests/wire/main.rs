//! The wire as a whole: every operation of every model, through codecs, the front door and the remote client.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod arbitrary;
mod every_operation;
mod hostile_requests;
mod patterns;
mod platform;
mod rest_calls;
mod round_trips;
