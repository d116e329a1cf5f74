use aws::Ctx;
use codepipeline_model::{TagResource, TagResourceOutput};

use crate::error::Error;
use crate::{CodePipeline, tags};

/// Adds tags to a pipeline. Errors: `ResourceNotFound`, `InvalidArn`, `TooManyTags`, `InvalidTags`.
/// Source: CodePipeline API Reference, TagResource.
pub(super) async fn tag_resource(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: TagResource,
) -> Result<TagResourceOutput, Error> {
    let scope = ctx.scope.clone();
    let write = codepipeline.store.write(move |tx| {
        let mut pipeline = super::find_tagged(tx, &scope, &input.resource_arn)?;
        tags::add(&mut pipeline.tags, &input.tags, &input.resource_arn)?;
        tx.put(&pipeline)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(TagResourceOutput {})
}
