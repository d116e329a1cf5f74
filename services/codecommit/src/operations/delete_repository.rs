use aws::Ctx;
use codecommit_model::{DeleteRepository, DeleteRepositoryOutput};
use store::{Key, Range};

use super::tags;
use crate::error::Error;
use crate::records::{Reference, Repository};
use crate::service::{CodeCommit, blocking};

/// How many references are deleted in one transaction.
const AT_ONCE: usize = 1_000;

/// Deletes a repository with all it holds. A repository that does not exist is no error: the answer then has no id.
/// Errors: InvalidRepositoryName.
pub async fn delete_repository(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: DeleteRepository,
) -> Result<DeleteRepositoryOutput, Error> {
    if !tags::is_name(&input.repository_name) {
        return Err(Error::InvalidRepositoryName);
    }
    let Some(repository) = codecommit.find_repository(&ctx.scope, &input.repository_name).await? else {
        return Ok(DeleteRepositoryOutput { repository_id: None });
    };
    // Noted first: should the server end before the files are gone, the next one may delete them.
    let folder = codecommit.folder(&repository)?;
    let (repositories, doomed) = (codecommit.repositories().clone(), folder.id.clone());
    blocking(move || repositories.doom(&doomed)).await?;
    let key = Repository::key_of(&ctx.scope, &repository.name);
    let id = repository.id.clone();
    codecommit
        .store
        .write(move |tx| {
            // Only this one: another of the same name may have been made since.
            if tx.get::<Repository>(&key)?.is_some_and(|found| found.id == id) {
                tx.delete::<Repository>(&key)?;
            }
            Ok::<_, store::Error>(())
        })
        .await?;
    while delete_references(codecommit, repository.id.clone()).await? {}
    let repositories = codecommit.repositories().clone();
    blocking(move || repositories.delete(&folder.id)).await?;
    Ok(DeleteRepositoryOutput { repository_id: Some(repository.id) })
}

/// Answers whether there may be more. What a crash leaves here is never seen again: ids do not repeat.
async fn delete_references(codecommit: &CodeCommit, id: String) -> Result<bool, Error> {
    let more = codecommit
        .store
        .write(move |tx| {
            let page = tx.scan::<Reference>(Range::prefix(Key::of(&id)), AT_ONCE)?;
            for reference in &page.records {
                tx.delete::<Reference>(&Reference::key_of(&id, &reference.name))?;
            }
            Ok::<_, store::Error>(page.next.is_some())
        })
        .await?;
    Ok(more)
}
