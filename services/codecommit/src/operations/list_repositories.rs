use aws::Ctx;
use codecommit_model::{
    ListRepositories, ListRepositoriesOutput, OrderEnum, RepositoryNameIdPair, SortByEnum,
};
use store::{Key, Page, Range, ReadTx};

use crate::error::Error;
use crate::records::Repository;
use crate::service::CodeCommit;

const PAGE: usize = 1_000;

/// The repositories of the account in the region, by name unless asked otherwise.
/// Errors: InvalidSortBy, InvalidOrder, InvalidContinuationToken.
pub async fn list_repositories(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: ListRepositories,
) -> Result<ListRepositoriesOutput, Error> {
    let by_name = match input.sort_by.unwrap_or(SortByEnum::RepositoryName) {
        SortByEnum::RepositoryName => true,
        SortByEnum::LastModifiedDate => false,
        SortByEnum::Other(other) => return Err(Error::InvalidSortBy(other)),
    };
    let descending = match input.order.unwrap_or(OrderEnum::Ascending) {
        OrderEnum::Ascending => false,
        OrderEnum::Descending => true,
        OrderEnum::Other(other) => return Err(Error::InvalidOrder(other)),
    };
    let mut range = Range::prefix(Repository::region_key(&ctx.scope)).after(position(ctx, input.next_token)?);
    if descending {
        range = range.descending();
    }
    let read = move |tx: &mut ReadTx<'_>| -> Result<Page<Repository>, store::Error> {
        if by_name {
            tx.scan(range.clone(), PAGE)
        } else {
            tx.scan_index(Repository::BY_MODIFICATION, range.clone(), PAGE)
        }
    };
    let page = codecommit.store.read(read).await?;
    let next_token = page.next.as_ref().map(|next| ctx.seal_page_token(next.as_bytes()));
    let pair = |repository: Repository| RepositoryNameIdPair {
        repository_name: Some(repository.name),
        repository_id: Some(repository.id),
    };
    let repositories = page.into_records().into_iter().map(pair).collect();
    Ok(ListRepositoriesOutput { repositories: Some(repositories), next_token })
}

/// Where the next page of a list begins. Errors: `InvalidContinuationToken`.
pub fn position(ctx: &Ctx, token: Option<String>) -> Result<Option<Key>, Error> {
    let open = |token: String| {
        let bytes = ctx.open_page_token(&token).ok_or(Error::InvalidContinuationToken)?;
        Key::from_bytes(bytes).map_err(|_| Error::InvalidContinuationToken)
    };
    token.map(open).transpose()
}
