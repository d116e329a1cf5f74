//! Repositories: describing, listing, deleting.

use aws::Ctx;
use codeartifact_model::{
    DeleteRepository, DeleteRepositoryOutput, DescribeRepository, DescribeRepositoryOutput, ListRepositories,
    ListRepositoriesInDomain, ListRepositoriesInDomainOutput, ListRepositoriesOutput,
};
use store::{Range, WriteTx};

use super::{PAGE, page_end, page_size, page_start};
use crate::CodeArtifact;
use crate::error::Error;
use crate::forgetting;
use crate::names::{DomainName, RepositoryName};
use crate::packages::{find_domain, find_repository};
use crate::records::{Domain, Repository, Usage};
use crate::shapes;

/// How many repositories may have one as upstream when it is deleted, beyond those of its domain.
const ALL: usize = 10_000;

/// Errors: `NotFound`. Source: CodeArtifact API Reference, DescribeRepository.
pub(super) async fn describe_repository(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: DescribeRepository,
) -> Result<DescribeRepositoryOutput, Error> {
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let repository = ca.store.read(move |tx| find_repository(tx, &name)).await?;
    Ok(DescribeRepositoryOutput { repository: Some(shapes::repository(&repository)) })
}

/// Its packages go with it, in the background; versions of them that others have retained stay there.
/// Errors: `NotFound`. Source: CodeArtifact API Reference, DeleteRepository.
pub(super) async fn delete_repository(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: DeleteRepository,
) -> Result<DeleteRepositoryOutput, Error> {
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let write = ca.store.write(move |tx| {
        let repository = find_repository(tx, &name)?;
        unlink(tx, &repository)?;
        tx.delete::<Repository>(&Repository::key_of(&name))?;
        Usage::change(tx, repository.domain_id, |usage| {
            usage.repositories = usage.repositories.saturating_sub(1);
        })?;
        forgetting::hand_over(tx, &repository)?;
        Ok::<_, Error>(shapes::repository(&repository))
    });
    Ok(DeleteRepositoryOutput { repository: Some(write.await?) })
}

/// Takes it out of the lists of those that had it as upstream: one that is made later under the same name is another
/// repository, and nobody linked to that.
fn unlink(tx: &mut WriteTx<'_>, repository: &Repository) -> Result<(), Error> {
    let key = Domain::key_of(&repository.domain_name()).and(&repository.name);
    let page = tx.scan_index::<Repository>(Repository::BY_UPSTREAM, key, ALL)?;
    for mut downstream in page.into_records() {
        downstream.upstreams.retain(|name| *name != repository.name);
        tx.put(&downstream)?;
    }
    Ok(())
}

/// Those of all domains of the account and region, by name. Source: CodeArtifact API Reference, ListRepositories.
pub(super) async fn list_repositories(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: ListRepositories,
) -> Result<ListRepositoriesOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let prefix = input.repository_prefix.unwrap_or_default();
    let range = Range::starting(Domain::in_scope(&ctx.scope), &prefix).after(start);
    let size = page_size(input.max_results, PAGE);
    let read = ca.store.read(move |tx| tx.scan_index::<Repository>(Repository::BY_NAME, range.clone(), size));
    let page = read.await?;
    let next_token = page_end(ctx, page.next.clone());
    let repositories = page.records.iter().map(|found| shapes::repository_summary(found)).collect();
    Ok(ListRepositoriesOutput { repositories: Some(repositories), next_token })
}

/// By name. Errors: `NotFound`. Source: CodeArtifact API Reference, ListRepositoriesInDomain.
pub(super) async fn list_repositories_in_domain(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: ListRepositoriesInDomain,
) -> Result<ListRepositoriesInDomainOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let prefix = input.repository_prefix.unwrap_or_default();
    let range = Range::starting(Domain::key_of(&name), &prefix).after(start);
    let size = page_size(input.max_results, PAGE);
    let read = ca.store.read(move |tx| {
        find_domain(tx, &name)?;
        Ok::<_, Error>(tx.scan::<Repository>(range.clone(), size)?)
    });
    let page = read.await?;
    let next_token = page_end(ctx, page.next.clone());
    let is_asked_for = |repository: &Repository| {
        input
            .administrator_account
            .as_ref()
            .is_none_or(|account| account == repository.administrator.as_str())
    };
    let repositories = page.records.iter().filter(|found| is_asked_for(found));
    let repositories = repositories.map(|found| shapes::repository_summary(found)).collect();
    Ok(ListRepositoriesInDomainOutput { repositories: Some(repositories), next_token })
}
