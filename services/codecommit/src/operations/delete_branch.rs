use aws::Ctx;
use codecommit_model::{BranchInfo, DeleteBranch, DeleteBranchOutput};

use crate::error::Error;
use crate::service::CodeCommit;

/// Deletes a branch; its commits stay as long as something leads to them. A branch that does not exist is no
/// error: the answer then names none.
/// Errors: RepositoryDoesNotExist, DefaultBranchCannotBeDeleted.
pub async fn delete_branch(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: DeleteBranch,
) -> Result<DeleteBranchOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    let Some(tip) = codecommit.tip(&repository, &input.branch_name).await? else {
        return Ok(DeleteBranchOutput { deleted_branch: None });
    };
    codecommit.update_branch(ctx, &repository, &input.branch_name, Some(tip), None).await?;
    let deleted = BranchInfo { branch_name: Some(input.branch_name), commit_id: Some(tip.to_string()) };
    Ok(DeleteBranchOutput { deleted_branch: Some(deleted) })
}
