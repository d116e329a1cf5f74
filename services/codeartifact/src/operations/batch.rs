//! Calls about many versions of a package at once.

use std::collections::{BTreeMap, BTreeSet};

use aws::{Ctx, Timestamp};
use codeartifact_model::{
    DeletePackageVersions, DeletePackageVersionsOutput, DisposePackageVersions, DisposePackageVersionsOutput,
    PackageVersionStatus, SuccessfulPackageVersionInfo, UpdatePackageVersionsStatus,
    UpdatePackageVersionsStatusOutput,
};
use store::WriteTx;

use crate::CodeArtifact;
use crate::error::Error;
use crate::names::{Coordinates, RepositoryName};
use crate::packages::changes::{self, Guards, Refused};
use crate::packages::{find_package, find_repository, writing};
use crate::records::{Package, Repository, Status, Version};
use crate::{shapes, versions};

/// What is to become of the versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Status(Status),
    Dispose,
    Delete,
}

/// The versions of a call, in the normal form of their format, each by the name that the call has for it.
struct Batch {
    name: RepositoryName,
    coordinates: Coordinates,
    versions: BTreeMap<String, String>,
    guards: Guards,
    change: Change,
}

#[derive(Default)]
struct Outcome {
    successful: BTreeMap<String, SuccessfulPackageVersionInfo>,
    failed: BTreeMap<String, Refused>,
}

/// All of them, or none. Errors: `NotFound`, `Validation`.
/// Source: CodeArtifact API Reference, UpdatePackageVersionsStatus.
pub(super) async fn update_status(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: UpdatePackageVersionsStatus,
) -> Result<UpdatePackageVersionsStatusOutput, Error> {
    let target = match input.target_status {
        PackageVersionStatus::Published => Status::Published,
        PackageVersionStatus::Unlisted => Status::Unlisted,
        PackageVersionStatus::Archived => Status::Archived,
        other => {
            let message = format!("The target status can be Published, Unlisted or Archived, not {other}.");
            return Err(Error::field(message));
        }
    };
    let coordinates = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package)?;
    let batch = Batch {
        name: RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope),
        versions: named(&coordinates, &input.versions)?,
        guards: guards(input.expected_status, input.version_revisions),
        coordinates,
        change: Change::Status(target),
    };
    let outcome = run(ca, ctx, batch).await?;
    Ok(UpdatePackageVersionsStatusOutput {
        successful_versions: Some(outcome.successful),
        failed_versions: Some(told(outcome.failed)),
    })
}

/// Their assets go for good; the versions stay, so that nobody publishes others under their names.
/// Errors: `NotFound`, `Validation`. Source: CodeArtifact API Reference, DisposePackageVersions.
pub(super) async fn dispose(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: DisposePackageVersions,
) -> Result<DisposePackageVersionsOutput, Error> {
    let coordinates = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package)?;
    let batch = Batch {
        name: RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope),
        versions: named(&coordinates, &input.versions)?,
        guards: guards(input.expected_status, input.version_revisions),
        coordinates,
        change: Change::Dispose,
    };
    let outcome = run(ca, ctx, batch).await?;
    Ok(DisposePackageVersionsOutput {
        successful_versions: Some(outcome.successful),
        failed_versions: Some(told(outcome.failed)),
    })
}

/// Errors: `NotFound`, `Validation`. Source: CodeArtifact API Reference, DeletePackageVersions.
pub(super) async fn delete(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: DeletePackageVersions,
) -> Result<DeletePackageVersionsOutput, Error> {
    let coordinates = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package)?;
    let batch = Batch {
        name: RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope),
        versions: named(&coordinates, &input.versions)?,
        guards: guards(input.expected_status, None),
        coordinates,
        change: Change::Delete,
    };
    let outcome = run(ca, ctx, batch).await?;
    Ok(DeletePackageVersionsOutput {
        successful_versions: Some(outcome.successful),
        failed_versions: Some(told(outcome.failed)),
    })
}

fn guards(expected: Option<PackageVersionStatus>, revisions: Option<aws::Map<String>>) -> Guards {
    let expected_status = expected.map(|status| status.to_string());
    Guards { expected_status, revisions: revisions.unwrap_or_default() }
}

/// Errors: `Validation` without any version. What is no version of the format is none that is there.
fn named(coordinates: &Coordinates, given: &[String]) -> Result<BTreeMap<String, String>, Error> {
    if given.is_empty() {
        return Err(Error::field("At least one version must be given."));
    }
    let normal =
        |version: &String| versions::normal(coordinates.format, version).unwrap_or_else(|_| version.clone());
    Ok(given.iter().map(|version| (version.clone(), normal(version))).collect())
}

fn told(failed: BTreeMap<String, Refused>) -> aws::Map<codeartifact_model::PackageVersionError> {
    failed.into_iter().map(|(version, refused)| (version, refused.told())).collect()
}

async fn run(ca: &CodeArtifact, ctx: &Ctx, batch: Batch) -> Result<Outcome, Error> {
    let now = ctx.now();
    let write = ca.store.write(move |tx| {
        let repository = find_repository(tx, &batch.name)?;
        let package = find_package(tx, &repository, &batch.coordinates)?;
        decide_and_do(tx, &repository, package, &batch, now)
    });
    write.await
}

fn decide_and_do(
    tx: &mut WriteTx<'_>,
    repository: &Repository,
    mut package: Package,
    batch: &Batch,
    now: Timestamp,
) -> Result<Outcome, Error> {
    let mut judged: BTreeMap<String, Result<Version, Refused>> = BTreeMap::new();
    for (given, version) in &batch.versions {
        let key = Version::key_of(repository.id, &batch.coordinates, version);
        let found = tx.get::<Version>(&key)?.map(store::Versioned::into_inner);
        judged.insert(given.clone(), judge(batch, given, found));
    }
    let is_all_or_nothing = matches!(batch.change, Change::Status(_));
    let some_failed = judged.values().any(Result::is_err);
    let (mut outcome, mut done) = (Outcome::default(), BTreeSet::new());
    for (given, verdict) in judged {
        match verdict {
            Err(refused) => {
                outcome.failed.insert(given, refused);
            }
            Ok(_) if is_all_or_nothing && some_failed => {
                outcome.failed.insert(given, Refused::Skipped);
            }
            Ok(version) => {
                // Two spellings of one version are one change.
                if done.insert(version.version.clone()) {
                    let info = change(tx, repository, &mut package, version, batch.change, now)?;
                    outcome.successful.insert(given, info);
                }
            }
        }
    }
    Ok(outcome)
}

fn judge(batch: &Batch, given: &str, found: Option<Version>) -> Result<Version, Refused> {
    let version = found.ok_or(Refused::NotFound)?;
    batch.guards.check(given, &version)?;
    match batch.change {
        Change::Status(target) => changes::transition(version.status, target)?,
        Change::Dispose | Change::Delete => {}
    }
    Ok(version)
}

fn change(
    tx: &mut WriteTx<'_>,
    repository: &Repository,
    package: &mut Package,
    version: Version,
    change: Change,
    now: Timestamp,
) -> Result<SuccessfulPackageVersionInfo, Error> {
    let mut after = version.clone();
    match change {
        Change::Status(status) => {
            if version.status == Status::Unfinished && status == Status::Published {
                after.published = now;
            }
            after.status = status;
        }
        Change::Dispose => {
            after.status = Status::Disposed;
            after.contents.assets.clear();
        }
        Change::Delete => {
            writing::remove(tx, repository, package, &version, now)?;
            let status = Some(PackageVersionStatus::Deleted);
            return Ok(SuccessfulPackageVersionInfo { revision: Some(version.revision), status });
        }
    }
    writing::save(tx, repository, package, Some(&version), &mut after, None, now)?;
    Ok(shapes::successful(&after))
}
