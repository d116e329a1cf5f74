//! On which resources policies are asked, with the policies of those resources.
//! Source: Service Authorization Reference, "AWS CodeArtifact"; CodeArtifact User Guide, "Identity and access management".

use std::sync::Arc;

use aws::{Access, Arn, Ctx};

use crate::CodeArtifact;
use crate::error::Error;
use crate::names::{Coordinates, DomainName, RepositoryName};
use crate::records::{Domain, Policy, Repository};

/// To a domain. One that is not there is for the handler to refuse.
pub async fn to_domain(
    ca: &CodeArtifact,
    ctx: &Ctx,
    domain: &str,
    owner: Option<&String>,
) -> Result<Access, Error> {
    of_domain(ca, &DomainName::of(domain, owner, &ctx.scope)).await
}

pub async fn of_domain(ca: &CodeArtifact, name: &DomainName) -> Result<Access, Error> {
    let key = Domain::key_of(name);
    let found = ca.store.read(move |tx| tx.get::<Domain>(&key)).await?;
    Ok(on_domain(name.arn(), found.as_deref()))
}

/// To a repository. One that is not there is for the handler to refuse.
pub async fn to_repository(
    ca: &CodeArtifact,
    ctx: &Ctx,
    domain: &str,
    owner: Option<&String>,
    repository: &str,
) -> Result<Access, Error> {
    let name = RepositoryName::of(domain, owner, repository, &ctx.scope);
    let found = find(ca, &name).await?;
    Ok(on_repository(name.arn(), found.as_ref()))
}

/// To a package of a repository, whose policy it is under.
pub async fn to_package(
    ca: &CodeArtifact,
    name: &RepositoryName,
    package: Result<Coordinates, Error>,
) -> Result<Access, Error> {
    let found = find(ca, name).await?;
    // What is no package is for the handler to refuse, and only for those who may call it at all.
    let arn = package.map_or_else(|_| name.arn(), |package| name.package_arn(&package));
    Ok(on_repository(arn, found.as_ref()))
}

pub async fn find(ca: &CodeArtifact, name: &RepositoryName) -> Result<Option<Repository>, Error> {
    let key = Repository::key_of(name);
    let found = ca.store.read(move |tx| tx.get::<Repository>(&key)).await?;
    Ok(found.map(store::Versioned::into_inner))
}

pub fn on_domain(arn: Arn, domain: Option<&Domain>) -> Access {
    let tags = domain.map(|domain| &domain.tags);
    with(arn, domain.and_then(|domain| domain.policy.as_ref()), tags)
}

/// Also for packages, which are under the policy of their repository.
pub fn on_repository(arn: Arn, repository: Option<&Repository>) -> Access {
    let tags = repository.map(|repository| &repository.tags);
    with(arn, repository.and_then(|repository| repository.policy.as_ref()), tags)
}

fn with(
    arn: Arn,
    policy: Option<&Policy>,
    tags: Option<&std::collections::BTreeMap<String, String>>,
) -> Access {
    let account = arn.account.clone();
    let mut access = Access::to(arn);
    access.resource_account = Some(account);
    access.resource_policy = policy.map(|policy| Arc::from(policy.document.as_str()));
    let tags = tags.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
    access.with_resource_tags(tags)
}

/// Without the policy of the resource: for calls that only the caller's own policies can allow.
pub fn by_identity(mut access: Access) -> Access {
    access.resource_policy = None;
    access
}
