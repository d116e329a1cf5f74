//! Retention, which this API has beside AWS's.

use aws::{Access, Ctx, Principal, Timestamp};
use codeartifact_model::{CleanUpPackages, CleanUpPackagesOutput, CleanedVersion};
use store::{Key, Range, ReadTx, WriteTx};

use super::{page_end, page_start};
use crate::CodeArtifact;
use crate::access;
use crate::error::Error;
use crate::names::RepositoryName;
use crate::packages::{find_repository, writing};
use crate::records::{Download, Package, Repository, Status, Version};
use crate::retention::{Candidate, Mode, Rules, Why};
use crate::service_tokens;
use crate::settings::{self, PACKAGE_RETENTION};

/// Packages that one call looks at.
const PACKAGES: usize = 100;
/// Versions of one package that are looked at. One that has more keeps those beyond.
const VERSIONS: usize = 10_000;
/// Versions that one transaction deletes.
const AT_ONCE: usize = 200;

type Gone = Vec<(Package, Vec<(Candidate, Why)>)>;

/// The service itself may what the rules of the repository say that it does by itself, and nothing else; nobody can sign a
/// call as it. Whoever else calls is under policies.
pub(super) async fn access(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: &CleanUpPackages,
) -> Result<Vec<Access>, Error> {
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let found = access::find(ca, &name).await?;
    let is_service =
        matches!(&ctx.caller.principal, Principal::Service { name } if name == service_tokens::PRINCIPAL);
    let mode =
        found.as_ref().and_then(|repository| settings::retention(&repository.tags)).map(|own| own.mode);
    let is_meant = match mode {
        Some(Mode::Enforce) => true,
        Some(Mode::Report) => input.dry_run,
        Some(Mode::Asked) | None => false,
    };
    if is_service && is_meant && input.rules.is_none() {
        return Ok(Vec::new());
    }
    Ok(vec![access::on_repository(name.arn(), found.as_ref())])
}

/// Versions go with an event of their own each, as those of DeletePackageVersions do. Errors: `NotFound`, `Validation`.
pub(super) async fn clean_up_packages(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: CleanUpPackages,
) -> Result<CleanUpPackagesOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let wrong = |wanted: &str| Error::field(format!("The rules must be {wanted}."));
    let given = input.rules.as_deref().map(|text| Rules::parse(text).map_err(wrong)).transpose()?;
    let now = ctx.now();
    let read = ca.store.read(move |tx| {
        let repository = find_repository(tx, &name)?;
        let none = || {
            let message =
                format!("No rules were given, and the repository has none in the tag {PACKAGE_RETENTION}.");
            Error::field(message)
        };
        let own = || settings::retention(&repository.tags).map(|own| own.rules);
        let rules = given.or_else(own).ok_or_else(none)?;
        let (gone, next) = page(tx, &repository, rules, start.clone(), now)?;
        Ok::<_, Error>((repository, gone, next))
    });
    let (repository, mut gone, next) = read.await?;
    if !input.dry_run {
        for (package, versions) in &mut gone {
            let mut deleted = Vec::new();
            for some in versions.chunks(AT_ONCE) {
                let (repository, package, some) = (repository.clone(), package.clone(), some.to_vec());
                let write = ca.store.write(move |tx| delete(tx, &repository, &package, &some, now));
                deleted.extend(write.await?);
            }
            *versions = deleted;
        }
    }
    let told = |package: &Package, one: &(Candidate, Why)| CleanedVersion {
        format: package.coordinates.format.as_str().to_owned(),
        namespace: package.coordinates.namespace(),
        package: package.coordinates.name.clone(),
        version: one.0.version.clone(),
        published_time: one.0.published,
        last_downloaded_time: one.0.downloaded,
        reason: one.1.as_str().to_owned(),
    };
    let versions =
        gone.iter().flat_map(|(package, versions)| versions.iter().map(|one| told(package, one))).collect();
    Ok(CleanUpPackagesOutput { versions, next_token: page_end(ctx, next) })
}

fn page(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    rules: Rules,
    start: Option<Key>,
    now: Timestamp,
) -> Result<(Gone, Option<Key>), Error> {
    let packages =
        tx.scan::<Package>(Range::prefix(Package::all_of(repository.id)).after(start), PACKAGES)?;
    let next = packages.next.clone();
    let mut gone = Vec::new();
    for package in packages.into_records() {
        let all = Version::all_of(repository.id, &package.coordinates);
        let versions = tx.scan::<Version>(all.clone(), VERSIONS)?.into_records();
        let downloads = tx.scan::<Download>(all, VERSIONS)?.into_records();
        let candidates = versions.into_iter().filter(|version| is_candidate(version.status)).map(|version| {
            let download = downloads.binary_search_by(|one| one.version.cmp(&version.version)).ok();
            Candidate {
                is_named: package.tags.values().any(|named| *named == version.version),
                downloaded: download.and_then(|at| downloads.get(at)).map(|one| one.last),
                published: version.published,
                version: version.version,
            }
        });
        let versions = rules.let_go(package.coordinates.format, candidates.collect(), now);
        if !versions.is_empty() {
            gone.push((package, versions));
        }
    }
    Ok((gone, next))
}

/// What is not finished is somebody's work; what was disposed of keeps others from taking its name.
fn is_candidate(status: Status) -> bool {
    match status {
        Status::Published | Status::Unlisted | Status::Archived => true,
        Status::Unfinished | Status::Disposed => false,
    }
}

/// Answers which were deleted: a version that has changed since it was judged, or was downloaded meanwhile, stays.
fn delete(
    tx: &mut WriteTx<'_>,
    repository: &Repository,
    package: &Package,
    gone: &[(Candidate, Why)],
    now: Timestamp,
) -> Result<Vec<(Candidate, Why)>, Error> {
    let key = Package::key_of(repository.id, &package.coordinates);
    let Some(package) = tx.get::<Package>(&key)? else { return Ok(Vec::new()) };
    let (mut package, mut deleted) = (package.into_inner(), Vec::new());
    for (candidate, why) in gone {
        let key = Version::key_of(repository.id, &package.coordinates, &candidate.version);
        let version = tx.get::<Version>(&key)?.map(store::Versioned::into_inner);
        let downloaded = tx.get::<Download>(&key)?.map(|download| download.last);
        let is_named = package.tags.values().any(|named| *named == candidate.version);
        let is_same = |version: &Version| {
            version.published == candidate.published && is_candidate(version.status) && !is_named
        };
        if let Some(version) =
            version.filter(|version| is_same(version) && downloaded == candidate.downloaded)
        {
            writing::remove(tx, repository, &mut package, &version, now)?;
            deleted.push((candidate.clone(), *why));
        }
    }
    Ok(deleted)
}
