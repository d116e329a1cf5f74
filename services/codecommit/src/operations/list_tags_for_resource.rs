use aws::Ctx;
use codecommit_model::{ListTagsForResource, ListTagsForResourceOutput};

use super::tags;
use crate::error::Error;
use crate::service::CodeCommit;

/// All tags of a repository; there are never enough for a second page.
/// Errors: InvalidResourceArn, RepositoryDoesNotExist.
pub async fn list_tags_for_resource(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: ListTagsForResource,
) -> Result<ListTagsForResourceOutput, Error> {
    let name = tags::repository_name(ctx, &input.resource_arn)?;
    let repository = codecommit.repository(&ctx.scope, &name).await?;
    Ok(ListTagsForResourceOutput { tags: Some(repository.tags), next_token: None })
}
