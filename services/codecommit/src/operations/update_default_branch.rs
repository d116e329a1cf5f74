use aws::Ctx;
use codecommit_model::{UpdateDefaultBranch, UpdateDefaultBranchOutput};

use crate::error::Error;
use crate::records::Repository;
use crate::references::apply;
use crate::service::CodeCommit;

/// Makes another branch the one that clones check out and that cannot be deleted.
/// Errors: RepositoryDoesNotExist, BranchDoesNotExist.
pub async fn update_default_branch(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: UpdateDefaultBranch,
) -> Result<UpdateDefaultBranchOutput, Error> {
    let (branch, now) = (input.default_branch_name, ctx.now());
    let (key, name) = (Repository::key_of(&ctx.scope, &input.repository_name), input.repository_name);
    let changed = codecommit
        .store
        .write(move |tx| {
            let found = tx.get::<Repository>(&key)?;
            let mut found = found.ok_or_else(|| Error::RepositoryDoesNotExist(name.clone()))?;
            if apply::find_branch(tx, &found.id, &branch)?.is_none() {
                return Err(Error::BranchDoesNotExist(branch.clone()));
            }
            if found.default_branch.as_ref() != Some(&branch) {
                found.default_branch = Some(branch.clone());
                found.modified_at = now;
                found.generation += 1;
                tx.update(&found)?;
            }
            Ok(found.into_inner())
        })
        .await?;
    codecommit.project(&changed).await?;
    Ok(UpdateDefaultBranchOutput {})
}
