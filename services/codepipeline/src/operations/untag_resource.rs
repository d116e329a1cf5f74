use aws::Ctx;
use codepipeline_model::{UntagResource, UntagResourceOutput};

use crate::CodePipeline;
use crate::error::Error;

/// Removes tags from a pipeline; keys that it does not have are no error.
/// Errors: `ResourceNotFound`, `InvalidArn`. Source: CodePipeline API Reference, UntagResource.
pub(super) async fn untag_resource(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: UntagResource,
) -> Result<UntagResourceOutput, Error> {
    let scope = ctx.scope.clone();
    let write = codepipeline.store.write(move |tx| {
        let mut pipeline = super::find_tagged(tx, &scope, &input.resource_arn)?;
        pipeline.tags.retain(|key, _| !input.tag_keys.contains(key));
        tx.put(&pipeline)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(UntagResourceOutput {})
}
