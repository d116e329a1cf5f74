use aws::Ctx;
use codecommit_model::{UpdateRepositoryName, UpdateRepositoryNameOutput};

use super::tags;
use crate::error::Error;
use crate::records::Repository;
use crate::service::CodeCommit;

/// Renames a repository; its id, its contents and its clones' history stay.
/// Errors: RepositoryDoesNotExist, RepositoryNameExists, InvalidRepositoryName.
pub async fn update_repository_name(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: UpdateRepositoryName,
) -> Result<UpdateRepositoryNameOutput, Error> {
    if !tags::is_name(&input.new_name) {
        return Err(Error::InvalidRepositoryName);
    }
    let (old, new) = (input.old_name, input.new_name);
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    codecommit
        .store
        .write(move |tx| {
            let old_key = Repository::key_of(&scope, &old);
            let found = tx.get::<Repository>(&old_key)?;
            let found = found.ok_or_else(|| Error::RepositoryDoesNotExist(old.clone()))?;
            if tx.exists::<Repository>(&Repository::key_of(&scope, &new))? {
                return Err(Error::RepositoryNameExists(new.clone()));
            }
            tx.delete::<Repository>(&old_key)?;
            let renamed = Repository { name: new.clone(), modified_at: now, ..found.into_inner() };
            tx.put(&renamed)?;
            Ok(UpdateRepositoryNameOutput {})
        })
        .await
}
