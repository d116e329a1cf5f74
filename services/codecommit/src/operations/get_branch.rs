use aws::Ctx;
use codecommit_model::{BranchInfo, GetBranch, GetBranchOutput};

use crate::error::Error;
use crate::service::CodeCommit;

/// The tip of a branch.
/// Errors: RepositoryNameRequired, RepositoryDoesNotExist, BranchNameRequired, BranchDoesNotExist.
pub async fn get_branch(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: GetBranch,
) -> Result<GetBranchOutput, Error> {
    let repository_name = input.repository_name.ok_or(Error::RepositoryNameRequired)?;
    let branch_name = input.branch_name.ok_or(Error::BranchNameRequired)?;
    let repository = codecommit.repository(&ctx.scope, &repository_name).await?;
    let tip = codecommit.tip(&repository, &branch_name).await?;
    let tip = tip.ok_or_else(|| Error::BranchDoesNotExist(branch_name.clone()))?;
    let branch = BranchInfo { branch_name: Some(branch_name), commit_id: Some(tip.to_string()) };
    Ok(GetBranchOutput { branch: Some(branch) })
}
