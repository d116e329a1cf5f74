//! EventBridge.

pub mod input;
pub mod pattern;
pub mod schedule;
