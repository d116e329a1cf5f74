use aws::{Access, Ctx};
use codeartifact_model::{CopyPackageVersions, CopyPackageVersionsOutput};

use crate::CodeArtifact;
use crate::access;
use crate::error::Error;
use crate::names::{Coordinates, DomainName};
use crate::packages::changes::Guards;
use crate::packages::copying::{self, Copying};
use crate::packages::find_repository;
use crate::{shapes, versions};

/// To the package at the destination, and to read the source.
pub(super) async fn access(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: &CopyPackageVersions,
) -> Result<Vec<Access>, Error> {
    let domain = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let package = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package);
    let destination = domain.repository(&input.destination_repository);
    let source = domain.repository(&input.source_repository);
    let found = access::find(ca, &source).await?;
    let reading =
        access::on_repository(source.arn(), found.as_ref()).action("codeartifact:ReadFromRepository");
    Ok(vec![access::to_package(ca, &destination, package).await?, reading])
}

/// Errors: `NotFound`, `Validation`. Source: CodeArtifact API Reference, CopyPackageVersions.
pub(super) async fn copy_package_versions(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: CopyPackageVersions,
) -> Result<CopyPackageVersionsOutput, Error> {
    let coordinates = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package)?;
    let (wanted, revisions) = match (input.versions, input.version_revisions) {
        (Some(versions), None) if !versions.is_empty() => (versions, aws::Map::new()),
        (None, Some(revisions)) if !revisions.is_empty() => (revisions.keys().cloned().collect(), revisions),
        _ => return Err(Error::field("Either versions or versionRevisions must be given, and not both.")),
    };
    if input.source_repository == input.destination_repository {
        return Err(Error::field("The source and the destination are the same repository."));
    }
    let normal =
        |version: &String| versions::normal(coordinates.format, version).unwrap_or_else(|_| version.clone());
    let normal_versions = wanted.iter().map(normal).collect();
    let revisions = revisions.iter().map(|(version, revision)| (normal(version), revision.clone())).collect();
    let domain = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let (from, to) =
        (domain.repository(&input.source_repository), domain.repository(&input.destination_repository));
    let (allow_overwrite, include_from_upstream) =
        (input.allow_overwrite == Some(true), input.include_from_upstream == Some(true));
    let now = ctx.now();
    let guards = Guards { expected_status: None, revisions };
    let advisories = ca.advisories.current();
    let write = ca.store.write(move |tx| {
        let copying = Copying {
            source: find_repository(tx, &from)?,
            destination: find_repository(tx, &to)?,
            coordinates: coordinates.clone(),
            versions: Vec::clone(&normal_versions),
            guards: guards.clone(),
            allow_overwrite,
            include_from_upstream,
            advisories: advisories.clone(),
        };
        copying::copy(tx, &copying, now)
    });
    let copied = write.await?;
    let successful =
        copied.successful.iter().map(|(name, version)| (name.clone(), shapes::successful(version)));
    let failed = copied.failed.into_iter().map(|(name, refused)| (name, refused.told()));
    Ok(CopyPackageVersionsOutput {
        successful_versions: Some(successful.collect()),
        failed_versions: Some(failed.collect()),
    })
}
