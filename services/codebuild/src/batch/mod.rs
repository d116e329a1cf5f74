//! Batches: builds of one project that belong together, in the order that their buildspec asks for.
//!
//! A batch is a record, and [`state`] alone says what becomes of it: an event goes in, and what is to be done can be read
//! off the record at any time. The ends of its builds are told to it in the transactions that end them, so it never
//! misses one. A [worker](orchestrate) does what is to be done, as the batch's own role: it starts, stops and repeats
//! builds through the API. The id of a build is chosen before the build is asked for, so asking twice makes one build.
//! Source: CodeBuild User Guide, "Batch builds in AWS CodeBuild".

mod artifacts;
mod combine;
pub(crate) mod orchestrate;
pub(crate) mod part;
mod restrictions;
pub(crate) mod state;
mod tell;

use tell::deadline_entry;
pub(crate) use tell::{change, nudge, tell, watch_deadline};

/// Batches that something is to be done for, and those whose time limit is to come.
pub(crate) const BATCHES: &str = "codebuild/batches";
/// Of a batch that sets none. Source: CodeBuild API Reference, ProjectBuildBatchConfig.
pub(crate) const TIMEOUT_MINUTES: i32 = 480;
