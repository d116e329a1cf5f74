use aws::Ctx;
use codepipeline_model::{DeletePipeline, DeletePipelineOutput};

use crate::CodePipeline;
use crate::driver;
use crate::error::Error;
use crate::records::{Live, Pipeline};

/// Deletes a pipeline with its history. Deleting one that is not there is no error. What its actions have begun
/// elsewhere is not ended. Source: CodePipeline API Reference, DeletePipeline.
pub(super) async fn delete_pipeline(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: DeletePipeline,
) -> Result<DeletePipelineOutput, Error> {
    let key = Pipeline::key_of(&ctx.scope, &input.name);
    let write = codepipeline.store.write(move |tx| {
        if let Some(pipeline) = tx.get::<Pipeline>(&key)? {
            tx.delete::<Pipeline>(&key)?;
            tx.delete::<Live>(&Live::key_of(pipeline.id))?;
            // The history may be long: it goes bit by bit.
            driver::purge_later(tx, pipeline.id)?;
        }
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(DeletePipelineOutput {})
}
