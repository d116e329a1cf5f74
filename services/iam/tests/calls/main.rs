//! IAM and STS called as every client calls them: through validation, authorisation and audit.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod access_keys;
mod authentication;
mod entities;
mod platform;
mod policies;
mod simulate;
mod sts;
