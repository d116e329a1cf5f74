use aws::Ctx;
use codecommit_model::{UpdateRepositoryDescription, UpdateRepositoryDescriptionOutput};

use crate::error::Error;
use crate::records::Repository;
use crate::service::CodeCommit;

/// Sets the description; without one in the request it is taken away.
/// Errors: RepositoryDoesNotExist.
pub async fn update_repository_description(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: UpdateRepositoryDescription,
) -> Result<UpdateRepositoryDescriptionOutput, Error> {
    let now = ctx.now();
    let description = input.repository_description.filter(|description| !description.is_empty());
    codecommit
        .change_repository(ctx, &input.repository_name, move |repository| {
            repository.description.clone_from(&description);
            repository.modified_at = now;
            Ok(())
        })
        .await?;
    Ok(UpdateRepositoryDescriptionOutput {})
}

impl CodeCommit {
    /// Changes a repository's record in one transaction. Errors: RepositoryDoesNotExist, and those of `change`.
    pub async fn change_repository(
        &self,
        ctx: &Ctx,
        name: &str,
        change: impl Fn(&mut Repository) -> Result<(), Error> + Send + 'static,
    ) -> Result<Repository, Error> {
        let (key, name) = (Repository::key_of(&ctx.scope, name), name.to_owned());
        self.store
            .write(move |tx| {
                let found = tx.get::<Repository>(&key)?;
                let mut found = found.ok_or_else(|| Error::RepositoryDoesNotExist(name.clone()))?;
                change(&mut found)?;
                tx.update(&found)?;
                Ok(found.into_inner())
            })
            .await
    }
}
