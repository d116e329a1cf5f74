//! Action providers: what does the work of an action. One file each.

mod codebuild;
mod codecommit;
mod codestar_source_connection;
mod commands;
pub(crate) mod github;
mod invoke_pipeline;
mod manual_approval;
mod s3_deploy;
mod s3_source;
mod work;

use async_trait::async_trait;
use codepipeline_model::ActionTypeId;

use crate::catalogue::BuiltIn;

pub use codebuild::CodeBuild;
pub use commands::{Commands, CommandsAction, Variable};
pub(crate) use work::cut;
pub use work::{Approval, Artifact, ErrorDetails, Outcome, Report, Revision, Trouble, Work};

/// Does the work of actions of its types.
///
/// The calls come from the driver: `start` first, then `observe` each time that there may be news, now and then twice at
/// the same time. Each may be repeated after a crash, `start` also when it had begun something: it must find that again
/// by the action execution id, which is its client token. Late and repeated answers do no harm.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What the provider says of its action types; never changes.
    fn action_types(&self) -> &'static [BuiltIn];

    async fn start(&self, work: &Work) -> Result<Outcome, Trouble>;

    /// Looks how the work that `start` began is getting on. Providers that do everything in `start` have nothing to say.
    async fn observe(&self, _work: &Work, _external_execution_id: &str) -> Result<Outcome, Trouble> {
        Ok(Outcome::InProgress(Report::default()))
    }

    /// Ends work that nobody waits for any more. No error if it ended by itself.
    async fn stop(&self, _work: &Work, _external_execution_id: &str) -> Result<(), Trouble> {
        Ok(())
    }
}

static PROVIDERS: [&dyn Provider; 9] = [
    &codecommit::CodeCommit,
    &codestar_source_connection::CodeStarSourceConnection,
    &github::GitHub,
    &s3_source::S3Source,
    &codebuild::CodeBuild,
    &commands::CommandsAction,
    &manual_approval::ManualApproval,
    &s3_deploy::S3Deploy,
    &invoke_pipeline::InvokePipeline,
];

/// The action types that are worked on here.
pub fn action_types() -> impl Iterator<Item = &'static BuiltIn> {
    PROVIDERS.iter().flat_map(|provider| provider.action_types())
}

/// Who does the work of actions of a type.
pub fn provider(id: &ActionTypeId) -> Option<&'static dyn Provider> {
    PROVIDERS.iter().copied().find(|provider| provider.action_types().iter().any(|served| served.is(id)))
}
