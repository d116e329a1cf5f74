//! What CodePipeline stores. Apart from the shapes of the API, and versioned.
//!
//! A pipeline that is deleted and made again under its name is another one: everything below hangs on the pipeline's
//! own id, so that no history of the old one shows.

mod action_revision;
pub mod action_type;
mod cleanup;
mod job;
mod pending_change;
mod polled;
mod secrets;
mod start;
mod v1;
pub mod webhook;

pub use action_revision::PushedRevision;
pub use action_type::ActionType;
pub use cleanup::{Cleanup, Removal};
pub use job::Job;
pub use pending_change::PendingChange;
pub use polled::Polled;
pub use secrets::{SecretValue, Secrets};
pub use start::Start;
pub use v1::{
    ActionExecution, ArtifactRevision, Definition, Execution, ExecutionTrigger, Live, Pipeline, Rerun,
    RuleExecution, SourceOverride, TakenIn, Watch,
};
pub use webhook::{Webhook, WebhookFailure};
