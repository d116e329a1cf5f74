//! Requests and answers as bytes on the wire show them, with policies that the tests decide.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail where it stands")]

mod access;
mod buckets;
mod listings;
mod multipart;
mod objects;
mod rig;
mod services;
mod versions;
