//! Copying versions from one repository of a domain to another: no bytes move.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::Timestamp;
use store::{ReadTx, WriteTx};

use super::changes::{Guards, Refused};
use super::{chain, writing};
use crate::advisories::List;
use crate::error::Error;
use crate::names::Coordinates;
use crate::records::{Package, Repository, Restrictions, Version};

/// What is copied, and how.
#[derive(Clone, Debug)]
pub struct Copying {
    pub source: Repository,
    pub destination: Repository,
    pub coordinates: Coordinates,
    pub versions: Vec<String>,
    pub guards: Guards,
    pub allow_overwrite: bool,
    pub include_from_upstream: bool,
    /// What is blocked is not copied.
    pub advisories: Arc<List>,
}

/// What became of each version of the call. Versions that are the same at the destination are in neither.
#[derive(Debug, Default)]
pub struct Copied {
    pub successful: BTreeMap<String, Version>,
    pub failed: BTreeMap<String, Refused>,
}

/// Copies all versions, or none if one of them is refused. Errors: `NotFound`.
pub fn copy(tx: &mut WriteTx<'_>, copying: &Copying, now: Timestamp) -> Result<Copied, Error> {
    let (sources, source_package) = sources(tx, copying)?;
    let mut judged = BTreeMap::new();
    for (name, source) in sources {
        let key = Version::key_of(copying.destination.id, &copying.coordinates, &name);
        let there = tx.get::<Version>(&key)?.map(store::Versioned::into_inner);
        let verdict = judge(copying, &name, source, there.as_ref());
        judged.insert(name, verdict.map(|source| (source, there)));
    }
    if judged.values().any(Result::is_err) {
        let failed =
            judged.into_iter().map(|(name, verdict)| (name, verdict.err().unwrap_or(Refused::Skipped)));
        return Ok(Copied { failed: failed.collect(), ..Copied::default() });
    }
    let mut package =
        super::package_or_new(tx, &copying.destination, &copying.coordinates, Restrictions::PUBLISHED, now)?;
    let mut successful = BTreeMap::new();
    for (name, (source, there)) in
        judged.into_iter().filter_map(|(name, verdict)| Some((name, verdict.ok()?)))
    {
        if there.as_ref().is_some_and(|there| there.contents == source.contents) {
            continue;
        }
        take_tags(&mut package, source_package.as_ref(), &name);
        let mut copy = Version { repository: copying.destination.id, published: now, ..source };
        let destination = &copying.destination;
        writing::save(tx, destination, &mut package, there.as_ref(), &mut copy, None, now)?;
        successful.insert(name, copy);
    }
    Ok(Copied { successful, failed: BTreeMap::new() })
}

type Sources = Vec<(String, Result<Version, Refused>)>;

/// The versions at the source. Errors: `NotFound` if the package is not there.
fn sources(tx: &mut ReadTx<'_>, copying: &Copying) -> Result<(Sources, Option<Package>), Error> {
    let coordinates = &copying.coordinates;
    let mut links = chain::of(tx, &copying.advisories, &copying.source, coordinates)?;
    if !copying.include_from_upstream {
        links.truncate(1);
    }
    if links.iter().all(|link| link.package.is_none()) {
        super::find_package(tx, &copying.source, coordinates)?;
    }
    let mut sources = Vec::new();
    for name in &copying.versions {
        // What the domain does not have itself cannot be copied.
        let source = match chain::find(tx, &links, coordinates, name) {
            Ok(Some(found)) if found.missing().next().is_none() => Ok(found.version),
            Ok(_) => Err(Refused::NotFound),
            Err(Error::AccessDenied(why)) => Err(Refused::NotAllowed(why)),
            Err(error) => return Err(error),
        };
        sources.push((name.clone(), source));
    }
    Ok((sources, links.into_iter().next().and_then(|link| link.package)))
}

fn judge(
    copying: &Copying,
    name: &str,
    source: Result<Version, Refused>,
    there: Option<&Version>,
) -> Result<Version, Refused> {
    let source = source?;
    copying.guards.check(name, &source)?;
    if !source.status.is_readable() {
        let why = format!("A version with status {} cannot be copied.", source.status.as_str());
        return Err(Refused::NotAllowed(why));
    }
    match there {
        Some(there) if there.contents != source.contents && !copying.allow_overwrite => {
            Err(Refused::AlreadyExists)
        }
        Some(_) | None => Ok(source),
    }
}

/// Names that point to a copied version come along, and win over those at the destination.
fn take_tags(package: &mut Package, source: Option<&Package>, version: &str) {
    let tags = source.into_iter().flat_map(|source| &source.tags).filter(|(_, named)| *named == version);
    package.tags.extend(tags.map(|(tag, named)| (tag.clone(), named.clone())));
}
