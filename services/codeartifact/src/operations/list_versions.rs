use aws::Ctx;
use codeartifact_model::{ListPackageVersions, ListPackageVersionsOutput, PackageVersionOriginType};
use store::{Key, Range, ReadTx};

use super::{page_end, page_size, page_start};
use crate::CodeArtifact;
use crate::error::Error;
use crate::names::{Coordinates, RepositoryName};
use crate::packages::{find_package, find_repository};
use crate::records::{Origin, Package, Status, Version};
use crate::shapes;

/// Source: CodeArtifact API Reference, ListPackageVersions.
const PAGE: usize = 50;
/// How many versions one call looks at, for filters that no index answers.
const LOOKED_AT: usize = 5_000;
const AT_ONCE: usize = 200;

#[derive(Clone)]
struct Listing {
    status: Option<String>,
    origin: Option<PackageVersionOriginType>,
    by_time: bool,
}

/// By name, or the newest first. Errors: `NotFound`, `Validation`.
pub(super) async fn list_package_versions(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: ListPackageVersions,
) -> Result<ListPackageVersionsOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let size = page_size(input.max_results, PAGE);
    let coordinates = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package)?;
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let listing = Listing {
        status: input.status.map(|status| status.to_string()),
        origin: input.origin_type,
        by_time: input.sort_by.is_some(),
    };
    let read = ca.store.read(move |tx| {
        let repository = find_repository(tx, &name)?;
        let package = find_package(tx, &repository, &coordinates)?;
        let displayed = default_display_version(tx, &package)?;
        let (versions, next) = page(tx, &package, &listing, start.clone(), size)?;
        Ok::<_, Error>((package, displayed, versions, next))
    });
    let (package, displayed, versions, next) = read.await?;
    Ok(ListPackageVersionsOutput {
        default_display_version: displayed,
        format: shapes::format(&package.coordinates),
        namespace: package.coordinates.namespace(),
        package: Some(package.coordinates.name.clone()),
        versions: Some(versions.iter().map(shapes::version_summary).collect()),
        next_token: page_end(ctx, next),
    })
}

/// That which `latest` names, else the published version that came last.
fn default_display_version(tx: &mut ReadTx<'_>, package: &Package) -> Result<Option<String>, Error> {
    if let Some(latest) = package.tags.get("latest") {
        let key = Version::key_of(package.repository, &package.coordinates, latest);
        let named = tx.get::<Version>(&key)?;
        if named.is_some_and(|version| version.status.is_listed()) {
            return Ok(Some(latest.clone()));
        }
    }
    let range = Range::prefix(Version::all_of(package.repository, &package.coordinates)).descending();
    let newest = tx.scan_index::<Version>(Version::BY_TIME, range, AT_ONCE)?;
    let listed = newest.records.iter().find(|version| version.status == Status::Published);
    Ok(listed.map(|version| version.version.clone()))
}

fn page(
    tx: &mut ReadTx<'_>,
    package: &Package,
    listing: &Listing,
    start: Option<Key>,
    size: usize,
) -> Result<(Vec<Version>, Option<Key>), Error> {
    let (mut found, mut looked_at, mut next) = (Vec::new(), 0, start);
    loop {
        let limit = AT_ONCE.min(size - found.len());
        let all = Version::all_of(package.repository, &package.coordinates);
        let page = match &listing.status {
            _ if listing.by_time => {
                let range = Range::prefix(all).descending().after(next);
                tx.scan_index::<Version>(Version::BY_TIME, range, limit)?
            }
            Some(status) => tx.scan_index::<Version>(
                Version::BY_STATUS,
                Range::prefix(all.and(status)).after(next),
                limit,
            )?,
            None => tx.scan::<Version>(Range::prefix(all).after(next), limit)?,
        };
        looked_at += page.records.len();
        next = page.next.clone();
        found.extend(page.into_records().into_iter().filter(|version| listing.admits(version)));
        if next.is_none() || found.len() >= size || looked_at >= LOOKED_AT {
            return Ok((found, next));
        }
    }
}

impl Listing {
    fn admits(&self, version: &Version) -> bool {
        let origin = match version.origin {
            Origin::Internal { .. } => PackageVersionOriginType::Internal,
            Origin::External { .. } => PackageVersionOriginType::External,
        };
        self.status.as_ref().is_none_or(|status| status == version.status.as_str())
            && self.origin.as_ref().is_none_or(|wanted| *wanted == origin)
    }
}
