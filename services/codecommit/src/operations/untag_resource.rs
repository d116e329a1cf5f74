use aws::Ctx;
use codecommit_model::{UntagResource, UntagResourceOutput};

use super::tags::{self, MAX_TAGS};
use crate::error::Error;
use crate::service::CodeCommit;

/// Takes tags from a repository; keys that it does not have are no error.
/// Errors: InvalidResourceArn, RepositoryDoesNotExist, InvalidTagKeysList.
pub async fn untag_resource(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: UntagResource,
) -> Result<UntagResourceOutput, Error> {
    let name = tags::repository_name(ctx, &input.resource_arn)?;
    if input.tag_keys.is_empty() || input.tag_keys.len() > MAX_TAGS {
        return Err(Error::InvalidTagKeysList("1 to 50 keys are named at once"));
    }
    codecommit
        .change_repository(ctx, &name, move |repository| {
            repository.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        })
        .await?;
    Ok(UntagResourceOutput {})
}
