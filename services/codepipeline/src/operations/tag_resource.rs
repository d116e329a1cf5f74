use aws::Ctx;
use codepipeline_model::{TagResource, TagResourceOutput};

use super::Tagged;
use crate::error::Error;
use crate::{CodePipeline, tags};

/// Adds tags to a pipeline or an action type. Errors: `ResourceNotFound`, `InvalidArn`, `TooManyTags`, `InvalidTags`.
/// Source: CodePipeline API Reference, TagResource.
pub(super) async fn tag_resource(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: TagResource,
) -> Result<TagResourceOutput, Error> {
    let scope = ctx.scope.clone();
    let write = codepipeline.store.write(move |tx| {
        let mut tagged = Tagged::find(tx, &scope, &input.resource_arn)?;
        tags::add(tagged.tags(), &input.tags, &input.resource_arn)?;
        tagged.put(tx)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(TagResourceOutput {})
}
