use aws::Ctx;
use codecommit_model::{GetRepository, GetRepositoryOutput, RepositoryMetadata};

use crate::error::Error;
use crate::records::Repository;
use crate::service::CodeCommit;

/// Errors: RepositoryDoesNotExist.
pub async fn get_repository(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: GetRepository,
) -> Result<GetRepositoryOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    Ok(GetRepositoryOutput { repository_metadata: Some(metadata(codecommit, &repository)) })
}

/// A repository as the API shows it. There is no SSH address, as git is not served over SSH.
pub fn metadata(codecommit: &CodeCommit, repository: &Repository) -> RepositoryMetadata {
    RepositoryMetadata {
        account_id: Some(repository.account.to_string()),
        repository_id: Some(repository.id.clone()),
        repository_name: Some(repository.name.clone()),
        repository_description: repository.description.clone(),
        default_branch: repository.default_branch.clone(),
        last_modified_date: Some(repository.modified_at),
        creation_date: Some(repository.created_at),
        clone_url_http: Some(format!("{}/v1/repos/{}", codecommit.config.endpoint, repository.name)),
        clone_url_ssh: None,
        arn: Some(repository.arn().to_string()),
        kms_key_id: None,
    }
}
