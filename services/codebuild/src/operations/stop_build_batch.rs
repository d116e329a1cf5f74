use aws::Ctx;
use codebuild_model::{StopBuildBatch, StopBuildBatchOutput};

use crate::{CodeBuild, batch, batch::state::Event, error::Error, shape};

/// Stops a batch at once; its builds end as they are stopped one by one. One that has ended stays as it is.
/// Errors: BatchNotFound.
/// Source: CodeBuild API Reference, StopBuildBatch.
pub(super) async fn stop_build_batch(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: StopBuildBatch,
) -> Result<StopBuildBatchOutput, Error> {
    let found = codebuild.batch(&ctx.scope, &input.id).await?;
    let (scope, id, now) = (ctx.scope.clone(), found.id.clone(), ctx.now());
    let stopped = codebuild.store.write(move |tx| batch::change(tx, &scope, &id, Event::Stop, now)).await?;
    Ok(StopBuildBatchOutput { build_batch: Some(shape::batch(&stopped.unwrap_or(found))) })
}
