//! Real builds in real sandboxes, held by a real supervisor process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that meets the unexpected has failed")]

mod isolation;
mod lifecycle;
mod machine;
mod open;
mod session;
