//! What a caller wants of an execution in a stage, and the engine decides: to try it again, to let it pass.

use std::borrow::Cow;

use aws::Ctx;

use crate::CodePipeline;
use crate::driver::{self, Cause, Commit, Fault};
use crate::engine::{Ended, Event, ExecutionId, Refusal};
use crate::error::Error;

#[derive(Clone)]
pub(super) struct OfStage {
    pub(super) pipeline: String,
    pub(super) execution: String,
    pub(super) stage: String,
}

/// The error of a stage that cannot do it, for this reason.
type Refused = fn(String, Cow<'static, str>) -> Error;

impl OfStage {
    /// `event` is told the execution, the stage, and how the execution ended, if it did.
    /// Errors: `PipelineNotFound`; `refused` for executions that are not there, and inputs that are not kept any more; what
    /// `explained` makes of the engine's refusal.
    pub(super) async fn ask(
        self,
        codepipeline: &CodePipeline,
        ctx: &Ctx,
        refused: Refused,
        event: impl Fn(ExecutionId, String, Option<Ended>) -> Event + Send + Sync + 'static,
        explained: impl FnOnce(Refusal) -> Error,
    ) -> Result<(), Error> {
        let (scope, definitions, moment) =
            (ctx.scope.clone(), codepipeline.definitions.clone(), driver::now());
        let cause = Cause { by: Some(ctx.caller.principal.arn()), ..Cause::default() };
        let write = codepipeline.store.write(move |tx| {
            let pipeline = super::find_pipeline(tx, &scope, &self.pipeline)?;
            let unknown = |error| match error {
                Error::PipelineExecutionNotFound { .. } => {
                    refused(self.stage.clone(), "the pipeline does not have this execution".into())
                }
                other => other,
            };
            let record = super::find_execution(tx, &pipeline, &self.execution).map_err(unknown)?;
            let ended = super::ended(tx, &definitions, &pipeline, &record)?;
            let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
            commit.apply(event(record.id, self.stage.clone(), ended), &cause)?;
            if let Some(why) = commit.removed_input(record.id)? {
                return Err(refused(self.stage.clone(), why.into()).into());
            }
            commit.finish()
        });
        write.await.map_err(|fault: Fault| super::explain(fault, explained))
    }
}
