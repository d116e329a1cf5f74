use aws::Ctx;
use codepipeline_model::{ListTagsForResource, ListTagsForResourceOutput};

use super::Tagged;
use crate::error::Error;
use crate::{CodePipeline, tags};

/// The tags of a pipeline or an action type, at most 50: always one page.
/// Errors: `ResourceNotFound`, `InvalidArn`, `InvalidNextToken`.
/// Source: CodePipeline API Reference, ListTagsForResource.
pub(super) async fn list_tags_for_resource(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: ListTagsForResource,
) -> Result<ListTagsForResourceOutput, Error> {
    if input.next_token.is_some() {
        return Err(Error::InvalidNextToken);
    }
    let scope = ctx.scope.clone();
    let read = codepipeline.store.read(move |tx| Tagged::find(tx, &scope, &input.resource_arn));
    let mut tagged = read.await?;
    Ok(ListTagsForResourceOutput { tags: Some(tags::list(tagged.tags())), next_token: None })
}
