use std::collections::BTreeMap;

use aws::Ctx;
use codecommit_model::{CreateRepository, CreateRepositoryOutput};

use super::get_repository::metadata;
use super::tags;
use crate::error::Error;
use crate::git::RepositoryId;
use crate::records::Repository;
use crate::service::{CodeCommit, blocking};

/// Makes an empty repository without a default branch: the first branch that comes in becomes it.
/// Errors: RepositoryNameExists, InvalidRepositoryName, InvalidTagsMap, TooManyTags, InvalidSystemTagUsage;
/// NotImplemented for a KMS key.
pub async fn create_repository(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: CreateRepository,
) -> Result<CreateRepositoryOutput, Error> {
    if !tags::is_name(&input.repository_name) {
        return Err(Error::InvalidRepositoryName);
    }
    if input.kms_key_id.is_some() {
        return Err(Error::EncryptionNotBuilt);
    }
    let tags: BTreeMap<String, String> = input.tags.unwrap_or_default();
    tags::check(&tags)?;
    if codecommit.find_repository(&ctx.scope, &input.repository_name).await?.is_some() {
        return Err(Error::RepositoryNameExists(input.repository_name));
    }
    let id = RepositoryId::new_random();
    let repository = Repository {
        id: id.to_string(),
        account: ctx.scope.account.clone(),
        region: ctx.scope.region.clone(),
        name: input.repository_name,
        description: input.repository_description,
        default_branch: None,
        tags,
        created_at: ctx.now(),
        modified_at: ctx.now(),
        generation: 0,
    };
    // The folder first: a record must not name what is not there. A folder without record is swept later.
    let (repositories, made) = (codecommit.repositories().clone(), id.clone());
    blocking(move || repositories.create(&made)).await?;
    if let Err(error) = record(codecommit, repository.clone()).await {
        let repositories = codecommit.repositories().clone();
        blocking(move || repositories.delete(&id)).await?;
        return Err(error);
    }
    Ok(CreateRepositoryOutput { repository_metadata: Some(metadata(codecommit, &repository)) })
}

async fn record(codecommit: &CodeCommit, repository: Repository) -> Result<(), Error> {
    codecommit
        .store
        .write(move |tx| match tx.put_if(&repository, None) {
            Ok(_) => Ok(()),
            Err(store::Error::Conflict { .. }) => Err(Error::RepositoryNameExists(repository.name.clone())),
            Err(error) => Err(error.into()),
        })
        .await
}
