//! Domains.

use aws::{Access, Ctx, Scope};
use codeartifact_model::{
    CreateDomain, CreateDomainOutput, DeleteDomain, DeleteDomainOutput, DescribeDomain, DescribeDomainOutput,
    ListDomains, ListDomainsOutput,
};
use store::Range;
use uuid::Uuid;

use super::{PAGE, page_end, page_size, page_start, tags};
use crate::CodeArtifact;
use crate::error::{Error, Resource};
use crate::names::DomainName;
use crate::packages::find_domain;
use crate::records::{Domain, Usage};
use crate::shapes;

/// Of an account and region.
const MOST_DOMAINS: u64 = 1_000;

pub(super) fn access_to_create(input: &CreateDomain, scope: &Scope) -> Vec<Access> {
    let arn = DomainName::of(&input.domain, None, scope).arn();
    tags::with_tagging(Access::to(arn), input.tags.as_deref())
}

/// Errors: `Conflict`, `QuotaExceeded`, `Validation`, `NotImplemented` for keys of KMS.
/// Source: CodeArtifact API Reference, CreateDomain.
pub(super) async fn create_domain(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: CreateDomain,
) -> Result<CreateDomainOutput, Error> {
    if input.encryption_key.is_some() {
        return Err(Error::not_implemented("Keys of KMS are"));
    }
    let domain = Domain {
        id: Uuid::new_v4(),
        scope: ctx.scope.clone(),
        name: input.domain,
        created: ctx.now(),
        tags: tags::of(input.tags.as_deref())?,
        policy: None,
    };
    let made = domain.clone();
    let write = ca.store.write(move |tx| {
        if tx.exists::<Domain>(&Domain::key_of(&domain.full_name()))? {
            let message = format!("Domain '{}' already exists.", domain.name);
            return Err(Error::conflict(Resource::domain(&domain.name), message));
        }
        if tx.count::<Domain>(Domain::in_scope(&domain.scope))? >= MOST_DOMAINS {
            let message = format!("An account may have {MOST_DOMAINS} domains at most.");
            return Err(Error::quota(Resource::domain(&domain.name), message));
        }
        tx.put(&domain)?;
        Ok(())
    });
    write.await?;
    let empty = Usage { domain: made.id, repositories: 0, asset_bytes: 0 };
    Ok(CreateDomainOutput { domain: Some(shapes::domain(&made, &empty)) })
}

/// Errors: `NotFound`. Source: CodeArtifact API Reference, DescribeDomain.
pub(super) async fn describe_domain(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: DescribeDomain,
) -> Result<DescribeDomainOutput, Error> {
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let read = ca.store.read(move |tx| {
        let domain = find_domain(tx, &name)?;
        let usage = Usage::of(tx, domain.id)?;
        Ok::<_, Error>(shapes::domain(&domain, &usage))
    });
    Ok(DescribeDomainOutput { domain: Some(read.await?) })
}

/// A domain that is not there is no error, as the model names none for it.
/// Errors: `Conflict` while it has repositories. Source: CodeArtifact API Reference, DeleteDomain.
pub(super) async fn delete_domain(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: DeleteDomain,
) -> Result<DeleteDomainOutput, Error> {
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let write = ca.store.write(move |tx| {
        let Some(domain) = tx.get::<Domain>(&Domain::key_of(&name))? else { return Ok(None) };
        let usage = Usage::of(tx, domain.id)?;
        if usage.repositories > 0 {
            let message = format!("Domain '{}' cannot be deleted: it has repositories.", domain.name);
            return Err(Error::conflict(Resource::domain(&domain.name), message));
        }
        tx.delete::<Domain>(&Domain::key_of(&name))?;
        let mut told = shapes::domain(&domain, &usage);
        told.status = Some(codeartifact_model::DomainStatus::Deleted);
        Ok::<_, Error>(Some(told))
    });
    Ok(DeleteDomainOutput { domain: write.await? })
}

/// By name. Source: CodeArtifact API Reference, ListDomains.
pub(super) async fn list_domains(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: ListDomains,
) -> Result<ListDomainsOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let range = Range::prefix(Domain::in_scope(&ctx.scope)).after(start);
    let size = page_size(input.max_results, PAGE);
    let page = ca.store.read(move |tx| tx.scan::<Domain>(range.clone(), size)).await?;
    let next_token = page_end(ctx, page.next.clone());
    let domains = page.records.iter().map(|domain| shapes::domain_summary(domain)).collect();
    Ok(ListDomainsOutput { domains: Some(domains), next_token })
}
