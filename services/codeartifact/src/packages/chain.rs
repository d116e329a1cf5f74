//! From where a repository takes a package: itself, then its upstream repositories, depth first in their order.
//! Source: CodeArtifact User Guide, "Upstream repository priority order", "Search order of upstream repositories".

use std::collections::{BTreeMap, BTreeSet};

use aws::Timestamp;
use store::{Key, ReadTx, WriteTx};

use super::writing;
use crate::error::Error;
use crate::names::Coordinates;
use crate::records::{Package, Permission, Repository, Restrictions, Version};

/// How many repositories are looked at. Source: CodeArtifact quotas, "Searched upstream repositories".
const LONGEST: usize = 25;
/// How many versions of a package a repository shows to package managers.
const MOST_VERSIONS: usize = 20_000;

/// A repository that is looked at, and what it has of the package.
#[derive(Clone, Debug)]
pub struct Link {
    pub repository: Repository,
    pub package: Option<Package>,
}

/// A version and the place in the chain of the repository that has it.
#[derive(Clone, Debug)]
pub struct Found {
    pub link: usize,
    pub version: Version,
}

/// The chain of one package. A repository that blocks the package's upstream is the last of its branch.
pub fn of(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    coordinates: &Coordinates,
) -> Result<Vec<Link>, store::Error> {
    let mut links = Vec::new();
    let mut seen = BTreeSet::from([repository.name.clone()]);
    let mut waiting = vec![repository.clone()];
    while let Some(repository) = waiting.pop() {
        let key = Package::key_of(repository.id, coordinates);
        let package = tx.get::<Package>(&key)?.map(store::Versioned::into_inner);
        let is_open = package.as_ref().is_none_or(|known| known.restrictions.upstream == Permission::Allow);
        if is_open {
            // The first of them is looked at next, so it is put on last.
            for upstream in repository.upstreams.iter().rev() {
                if seen.insert(upstream.clone())
                    && let Some(next) = tx.get::<Repository>(&key_beside(&repository, upstream))?
                {
                    waiting.push(next.into_inner());
                }
            }
        }
        links.push(Link { repository, package });
        if links.len() >= LONGEST {
            break;
        }
    }
    Ok(links)
}

fn key_beside(repository: &Repository, name: &str) -> Key {
    Repository::key_of(&repository.domain_name().repository(name))
}

/// The version as the nearest repository has it: its status there is what counts.
pub fn find(
    tx: &mut ReadTx<'_>,
    links: &[Link],
    coordinates: &Coordinates,
    version: &str,
) -> Result<Option<Found>, store::Error> {
    for (at, link) in links.iter().enumerate().filter(|(_, link)| link.package.is_some()) {
        let key = Version::key_of(link.repository.id, coordinates, version);
        if let Some(found) = tx.get::<Version>(&key)? {
            return Ok(Some(Found { link: at, version: found.into_inner() }));
        }
    }
    Ok(None)
}

/// All versions by name, each as the nearest repository has it.
pub fn versions(
    tx: &mut ReadTx<'_>,
    links: &[Link],
    coordinates: &Coordinates,
) -> Result<BTreeMap<String, Found>, store::Error> {
    let mut all = BTreeMap::new();
    for (at, link) in links.iter().enumerate().filter(|(_, link)| link.package.is_some()) {
        let page = tx.scan::<Version>(Version::all_of(link.repository.id, coordinates), MOST_VERSIONS)?;
        for version in page.into_records() {
            all.entry(version.version.clone()).or_insert(Found { link: at, version });
        }
    }
    Ok(all)
}

/// Keeps a version of an upstream repository in the repository that was asked for it, so that it stays whatever
/// becomes of the other. Nothing happens if it is there already.
pub fn retain(
    tx: &mut WriteTx<'_>,
    repository: &Repository,
    version: &Version,
    now: Timestamp,
) -> Result<(), Error> {
    let key = Version::key_of(repository.id, &version.coordinates, &version.version);
    let is_gone = !tx.exists::<Repository>(&Repository::key_of(&repository.full_name()))?;
    if is_gone || tx.exists::<Version>(&key)? {
        return Ok(());
    }
    let mut package = super::package_or_new(tx, repository, &version.coordinates, Restrictions::RETAINED, now)?;
    let mut kept = Version { repository: repository.id, published: now, ..version.clone() };
    writing::save(tx, repository, &mut package, None, &mut kept, None, now)
}
