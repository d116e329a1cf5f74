use aws::Ctx;
use codepipeline_model::{UntagResource, UntagResourceOutput};

use super::Tagged;
use crate::CodePipeline;
use crate::error::Error;

/// Removes tags from a pipeline or an action type; keys that it does not have are no error.
/// Errors: `ResourceNotFound`, `InvalidArn`. Source: CodePipeline API Reference, UntagResource.
pub(super) async fn untag_resource(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: UntagResource,
) -> Result<UntagResourceOutput, Error> {
    let scope = ctx.scope.clone();
    let write = codepipeline.store.write(move |tx| {
        let mut tagged = Tagged::find(tx, &scope, &input.resource_arn)?;
        tagged.tags().retain(|key, _| !input.tag_keys.contains(key));
        tagged.put(tx)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(UntagResourceOutput {})
}
