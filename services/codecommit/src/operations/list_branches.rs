use aws::Ctx;
use codecommit_model::{ListBranches, ListBranchesOutput};
use store::{Key, Range};

use super::list_repositories::position;
use crate::error::Error;
use crate::records::Reference;
use crate::references::branch_name;
use crate::service::CodeCommit;

const PAGE: usize = 1_000;

/// The names of all branches.
/// Errors: RepositoryDoesNotExist, InvalidContinuationToken.
pub async fn list_branches(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: ListBranches,
) -> Result<ListBranchesOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    let branches = Key::of(&repository.id).and("refs").and("heads");
    let range = Range::prefix(branches).after(position(ctx, input.next_token)?);
    let page = codecommit
        .store
        .read::<_, _, store::Error>(move |tx| tx.scan::<Reference>(range.clone(), PAGE))
        .await?;
    let next_token = page.next.as_ref().map(|next| ctx.seal_page_token(next.as_bytes()));
    let names = page.records.iter().filter_map(|reference| branch_name(&reference.name).map(str::to_owned));
    Ok(ListBranchesOutput { branches: Some(names.collect()), next_token })
}
