//! Triggers: which changes of a repository behind a connection start a pipeline.
//!
//! `glob`, `filter` and `change` decide, without I/O. Source: CodePipeline User Guide, "Automate starting pipelines using
//! triggers and filtering".

pub mod change;
pub mod check;
pub mod filter;
pub mod glob;

pub use change::Change;
pub use filter::{Decision, decide};

/// The provider whose actions triggers are for.
pub const PROVIDER: &str = "CodeStarSourceConnection";
