use aws::Ctx;
use codecommit_model::{
    BatchGetRepositories, BatchGetRepositoriesError, BatchGetRepositoriesErrorCodeEnum,
    BatchGetRepositoriesOutput,
};

use super::get_repository::metadata;
use crate::error::Error;
use crate::service::CodeCommit;

/// Source: API Reference, BatchGetRepositories.
pub const MAX_NAMES: usize = 100;

/// Repositories by their names; names without one are listed apart.
/// Errors: RepositoryNamesRequired, MaximumRepositoryNamesExceeded.
pub async fn batch_get_repositories(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: BatchGetRepositories,
) -> Result<BatchGetRepositoriesOutput, Error> {
    if input.repository_names.is_empty() {
        return Err(Error::RepositoryNamesRequired);
    }
    if input.repository_names.len() > MAX_NAMES {
        return Err(Error::MaximumRepositoryNamesExceeded(MAX_NAMES));
    }
    let (mut repositories, mut not_found, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for name in input.repository_names {
        match codecommit.find_repository(&ctx.scope, &name).await? {
            Some(repository) => repositories.push(metadata(codecommit, &repository)),
            None => {
                errors.push(BatchGetRepositoriesError {
                    repository_id: None,
                    repository_name: Some(name.clone()),
                    error_code: Some(BatchGetRepositoriesErrorCodeEnum::RepositoryDoesNotExistException),
                    error_message: Some(Error::RepositoryDoesNotExist(name.clone()).to_string()),
                });
                not_found.push(name);
            }
        }
    }
    Ok(BatchGetRepositoriesOutput {
        repositories: Some(repositories),
        repositories_not_found: Some(not_found),
        errors: Some(errors),
    })
}
