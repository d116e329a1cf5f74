use aws::Ctx;
use codecommit_model::{CreateBranch, CreateBranchOutput};

use crate::error::Error;
use crate::git::lookup;
use crate::references;
use crate::service::CodeCommit;
use crate::specifier::object_id;

/// Makes a branch at a commit. It does not become the default branch unless the repository has none.
/// Errors: RepositoryDoesNotExist, InvalidBranchName, BranchNameExists, InvalidCommitId, CommitDoesNotExist.
pub async fn create_branch(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: CreateBranch,
) -> Result<CreateBranchOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    if !references::is_valid(&references::branch(&input.branch_name)) {
        return Err(Error::InvalidBranchName(input.branch_name));
    }
    let commit =
        object_id(&input.commit_id).ok_or_else(|| Error::InvalidCommitId(input.commit_id.clone()))?;
    let there = codecommit.folder(&repository)?.read(move |library| lookup::commit(library, commit)).await?;
    if there.is_none() {
        return Err(Error::CommitDoesNotExist(input.commit_id));
    }
    match codecommit.update_branch(ctx, &repository, &input.branch_name, None, Some(commit)).await {
        Ok(()) => Ok(CreateBranchOutput {}),
        Err(Error::ConcurrentReferenceUpdate) => Err(Error::BranchNameExists(input.branch_name)),
        Err(error) => Err(error),
    }
}
