//! Making and changing repositories: what they are linked with.

use std::collections::BTreeSet;

use aws::{Access, Ctx};
use codeartifact_model::{
    CreateRepository, CreateRepositoryOutput, UpdateRepository, UpdateRepositoryOutput, UpstreamRepository,
};
use store::{ReadTx, WriteTx};
use uuid::Uuid;

use super::tags;
use crate::CodeArtifact;
use crate::access;
use crate::error::{Error, Resource};
use crate::names::{DomainName, RepositoryName};
use crate::packages::{find_domain, find_repository};
use crate::records::{Repository, Usage};
use crate::shapes;

/// Of a domain. Source: CodeArtifact quotas.
const MOST_REPOSITORIES: u64 = 1_000;
/// Of a repository. Source: CodeArtifact quotas, "Maximum number of direct upstreams per repository".
const MOST_UPSTREAMS: usize = 10;

/// The policy of the domain decides who may add to it, those of the upstream repositories who may link to them.
pub(super) async fn access(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: &CreateRepository,
) -> Result<Vec<Access>, Error> {
    let owner = input.domain_owner.as_ref();
    let name = RepositoryName::of(&input.domain, owner, &input.repository, &ctx.scope);
    let mut own = access::to_domain(ca, ctx, &input.domain, owner).await?;
    own.resource = name.arn().to_string();
    let mut accesses = tags::with_tagging(own, input.tags.as_deref());
    accesses.extend(to_upstreams(ca, &name.domain, input.upstreams.as_deref()).await?);
    Ok(accesses)
}

pub(super) async fn access_to_update(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: &UpdateRepository,
) -> Result<Vec<Access>, Error> {
    let owner = input.domain_owner.as_ref();
    let own = access::to_repository(ca, ctx, &input.domain, owner, &input.repository).await?;
    let domain = DomainName::of(&input.domain, owner, &ctx.scope);
    let mut accesses = vec![own];
    accesses.extend(to_upstreams(ca, &domain, input.upstreams.as_deref()).await?);
    Ok(accesses)
}

async fn to_upstreams(
    ca: &CodeArtifact,
    domain: &DomainName,
    upstreams: Option<&[UpstreamRepository]>,
) -> Result<Vec<Access>, Error> {
    let mut accesses = Vec::new();
    // A longer list is for the handler to refuse.
    for upstream in upstreams.unwrap_or_default().iter().take(MOST_UPSTREAMS) {
        let name = domain.repository(&upstream.repository_name);
        let found = access::find(ca, &name).await?;
        let access = access::on_repository(name.arn(), found.as_ref());
        accesses.push(access.action("codeartifact:AssociateWithDownstreamRepository"));
    }
    Ok(accesses)
}

/// Errors: `NotFound` of the domain or of an upstream, `Conflict`, `QuotaExceeded`, `Validation`.
/// Source: CodeArtifact API Reference, CreateRepository.
pub(super) async fn create_repository(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: CreateRepository,
) -> Result<CreateRepositoryOutput, Error> {
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let (administrator, created) = (ctx.scope.account.clone(), ctx.now());
    let tags = tags::of(input.tags.as_deref())?;
    tags::check_settings(&tags)?;
    let write = ca.store.write(move |tx| {
        let domain = find_domain(tx, &name.domain)?;
        if tx.exists::<Repository>(&Repository::key_of(&name))? {
            let message =
                format!("Repository '{}' already exists in domain '{}'.", name.name, name.domain.name);
            return Err(Error::conflict(Resource::repository(&name.name), message));
        }
        let mut repository = Repository {
            id: Uuid::new_v4(),
            scope: domain.scope.clone(),
            domain: domain.name.clone(),
            domain_id: domain.id,
            name: name.name.clone(),
            administrator: administrator.clone(),
            description: input.description.clone(),
            upstreams: Vec::new(),
            external_connection: None,
            created,
            tags: tags.clone(),
            policy: None,
        };
        repository.upstreams = upstreams(tx, &repository, input.upstreams.as_deref().unwrap_or_default())?;
        count(tx, &repository)?;
        tx.put(&repository)?;
        Ok(shapes::repository(&repository))
    });
    Ok(CreateRepositoryOutput { repository: Some(write.await?) })
}

fn count(tx: &mut WriteTx<'_>, repository: &Repository) -> Result<(), Error> {
    if Usage::of(tx, repository.domain_id)?.repositories >= MOST_REPOSITORIES {
        let message = format!("A domain may have {MOST_REPOSITORIES} repositories at most.");
        return Err(Error::quota(Resource::domain(&repository.domain), message));
    }
    Ok(Usage::change(tx, repository.domain_id, |usage| usage.repositories += 1)?)
}

/// The list of upstream repositories is replaced as a whole; what is not given stays.
/// Errors: `NotFound`, `QuotaExceeded`, `Validation`. Source: CodeArtifact API Reference, UpdateRepository.
pub(super) async fn update_repository(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: UpdateRepository,
) -> Result<UpdateRepositoryOutput, Error> {
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let write = ca.store.write(move |tx| {
        let mut repository = find_repository(tx, &name)?;
        if let Some(description) = &input.description {
            repository.description = Some(description.clone());
        }
        if let Some(wanted) = &input.upstreams {
            repository.upstreams = upstreams(tx, &repository, wanted)?;
        }
        tx.put(&repository)?;
        Ok::<_, Error>(shapes::repository(&repository))
    });
    Ok(UpdateRepositoryOutput { repository: Some(write.await?) })
}

/// Errors: `NotFound`, `QuotaExceeded`; `Validation` where one is named twice, or leads back to the repository.
fn upstreams(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    wanted: &[UpstreamRepository],
) -> Result<Vec<String>, Error> {
    if wanted.len() > MOST_UPSTREAMS {
        let message = format!("A repository may have {MOST_UPSTREAMS} upstream repositories at most.");
        return Err(Error::quota(Resource::repository(&repository.name), message));
    }
    let names: Vec<String> = wanted.iter().map(|upstream| upstream.repository_name.clone()).collect();
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
        return Err(Error::field("An upstream repository is named twice."));
    }
    for name in &names {
        find_repository(tx, &repository.domain_name().repository(name))?;
    }
    let mut seen = BTreeSet::new();
    let mut waiting = names.clone();
    while let Some(name) = waiting.pop() {
        if name == repository.name {
            let message =
                format!("Repository '{name}' cannot be upstream of itself, directly or through others.");
            return Err(Error::field(message));
        }
        let key = Repository::key_of(&repository.domain_name().repository(&name));
        if seen.insert(name)
            && let Some(next) = tx.get::<Repository>(&key)?
        {
            waiting.extend(next.into_inner().upstreams);
        }
    }
    Ok(names)
}
