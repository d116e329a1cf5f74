use aws::Ctx;
use codecommit_model::{TagResource, TagResourceOutput};

use super::tags;
use crate::error::Error;
use crate::service::CodeCommit;

/// Adds tags to a repository, and changes those that are there.
/// Errors: InvalidResourceArn, RepositoryDoesNotExist, InvalidTagsMap, InvalidSystemTagUsage, TooManyTags.
pub async fn tag_resource(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: TagResource,
) -> Result<TagResourceOutput, Error> {
    let name = tags::repository_name(ctx, &input.resource_arn)?;
    tags::check(&input.tags)?;
    codecommit
        .change_repository(ctx, &name, move |repository| {
            repository.tags.extend(input.tags.clone());
            tags::check(&repository.tags)
        })
        .await?;
    Ok(TagResourceOutput {})
}
