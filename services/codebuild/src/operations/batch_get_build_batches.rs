use aws::Ctx;
use codebuild_model::{BatchGetBuildBatches, BatchGetBuildBatchesOutput};

use crate::{
    CodeBuild,
    error::Error,
    records::{Batch, BuildId},
    shape,
};

/// Batches by id or ARN; ids that nobody has are listed apart.
/// Source: CodeBuild API Reference, BatchGetBuildBatches.
pub(super) async fn batch_get_build_batches(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: BatchGetBuildBatches,
) -> Result<BatchGetBuildBatchesOutput, Error> {
    let scope = ctx.scope.clone();
    let read = codebuild.store.read(move |tx| {
        let (mut batches, mut not_found) = (Vec::new(), Vec::new());
        for id in &input.ids {
            let found = match BuildId::parse_batch(id) {
                Some(parsed) => tx.get::<Batch>(&Batch::key_of(&scope, &parsed))?,
                None => None,
            };
            match found {
                Some(batch) => batches.push(shape::batch(&batch)),
                None => not_found.push(id.clone()),
            }
        }
        Ok::<_, store::Error>((batches, not_found))
    });
    let (batches, not_found) = read.await?;
    Ok(BatchGetBuildBatchesOutput { build_batches: Some(batches), build_batches_not_found: Some(not_found) })
}
