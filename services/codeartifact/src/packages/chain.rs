//! From where a repository takes a package: itself, then its upstream repositories, depth first in their order.
//! Source: CodeArtifact User Guide, "Upstream repository priority order", "Search order of upstream repositories".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws::Timestamp;
use store::{Key, ReadTx, WriteTx};

use super::writing;
use crate::advisories::List;
use crate::error::Error;
use crate::external::Connection;
use crate::groups::{self, Controls, Way};
use crate::names::Coordinates;
use crate::records::{
    Asset, Contents, External, ExternalVersion, Metadata, Origin, Package, Permission, RemoteVersion,
    Repository, Restrictions, Version,
};
use crate::settings;

/// How many repositories are looked at. Source: CodeArtifact quotas, "Searched upstream repositories".
const LONGEST: usize = 25;
/// How many versions of a package a repository shows to package managers.
const MOST_VERSIONS: usize = 20_000;

/// A repository that is looked at, and what it has of the package.
#[derive(Clone, Debug)]
pub struct Link {
    pub repository: Repository,
    pub package: Option<Package>,
    /// What was last seen of it through the repository's external connection, where it may come from there.
    pub external: Option<External>,
    is_open: bool,
    /// Why nothing of the package comes from upstream or outside into this repository, where something could.
    pub closed: Option<String>,
    /// Versions that were published outside after this moment are held back.
    held_back_after: Option<Timestamp>,
    /// What versions are blocked.
    pub advisories: Arc<List>,
    /// Of the records of package and outside, and of the advisories: other ones after every change of what clients see of the
    /// package here.
    pub state: [u64; 3],
}

/// A version and the place in the chain of the repository that has it.
#[derive(Clone, Debug)]
pub struct Found {
    pub link: usize,
    /// Its assets are those that the domain has.
    pub version: Version,
    /// What there is of it outside, with the place of the repository through whose connection it comes.
    pub remote: Option<(usize, RemoteVersion)>,
}

impl Link {
    /// The connection through which the package may come into this repository.
    pub fn connection(&self) -> Option<&'static str> {
        let connection = self.repository.external_connection.as_deref().and_then(Connection::named);
        connection.filter(|_| self.is_open).map(|connection| connection.name)
    }

    /// Whether what was published outside at that moment is too new to come in.
    pub fn holds_back(&self, published: Timestamp) -> bool {
        self.held_back_after.is_some_and(|moment| published > moment)
    }

    /// The version as it is outside.
    fn outside(&self, at: usize, version: ExternalVersion) -> Option<Found> {
        let external = self.external.as_ref()?;
        if self.holds_back(version.remote.published) {
            return None;
        }
        let ExternalVersion { coordinates, version, remote, .. } = version;
        let version = Version {
            repository: self.repository.id,
            coordinates,
            version,
            status: remote.status(),
            revision: String::new(),
            published: remote.published,
            origin: Origin::External { connection: external.connection.clone() },
            contents: Contents { native: remote.native.clone(), ..Contents::default() },
        };
        Some(Found { link: at, version, remote: Some((at, remote)) })
    }
}

impl Found {
    /// The files that were not fetched yet.
    pub fn missing(&self) -> impl Iterator<Item = (&String, &crate::records::RemoteFile)> {
        let remote = self.remote.iter().flat_map(|(_, remote)| &remote.files);
        remote.filter(|(name, _)| !self.version.contents.assets.contains_key(*name))
    }

    /// What a repository further up, or the outside, has of the same version beside. Only what came from outside is
    /// completed from there.
    fn complete(&mut self, further: Found) {
        let is_outside = matches!(self.version.origin, Origin::External { .. });
        if !is_outside || self.version.origin != further.version.origin || !self.version.status.is_readable()
        {
            return;
        }
        for (name, asset) in further.version.contents.assets {
            self.version.contents.assets.entry(name).or_insert(asset);
        }
        // The repository with the connection knows most of it.
        if further.version.contents.metadata != Metadata::default() {
            self.version.contents.metadata = further.version.contents.metadata;
        }
        self.remote = self.remote.take().or(further.remote);
    }
}

/// The chain of one package. A repository that blocks the package's upstream is the last of its branch.
pub fn of(
    tx: &mut ReadTx<'_>,
    advisories: &Arc<List>,
    repository: &Repository,
    coordinates: &Coordinates,
) -> Result<Vec<Link>, store::Error> {
    let controls = groups::controls(tx, repository.domain_id, coordinates)?;
    let admits = |way: Way, repository: &Repository| {
        controls.as_ref().is_none_or(|controls| controls.admit(way, &repository.name))
    };
    let mut links = Vec::new();
    let mut seen = BTreeSet::from([repository.name.clone()]);
    let mut waiting = vec![repository.clone()];
    while let Some(repository) = waiting.pop() {
        let key = Package::key_of(repository.id, coordinates);
        let package = tx.get::<Package>(&key)?;
        let state = package.as_ref().map_or(0, |package| package.revision);
        let package = package.map(store::Versioned::into_inner);
        let is_open = package.as_ref().is_none_or(|known| known.restrictions.upstream == Permission::Allow);
        let connection = repository.external_connection.as_deref().and_then(Connection::named);
        let is_connected = connection.is_some_and(|connection| connection.format == coordinates.format)
            && admits(Way::ExternalUpstream, &repository);
        let external = if is_open && is_connected { external(tx, &repository, coordinates)? } else { None };
        if is_open && admits(Way::InternalUpstream, &repository) {
            // The first of them is looked at next, so it is put on last.
            for upstream in repository.upstreams.iter().rev() {
                if seen.insert(upstream.clone())
                    && let Some(next) = tx.get::<Repository>(&key_beside(&repository, upstream))?
                {
                    waiting.push(next.into_inner());
                }
            }
        }
        let held_back_after = settings::held_back_after(&repository.tags, Timestamp::now());
        let hour = held_back_after.map_or(0, |moment| u64::try_from(moment.as_millis()).unwrap_or(0));
        let closed = closed(&repository, package.as_ref(), controls.as_ref(), coordinates);
        let outside = external.as_ref().map_or(0, |external| external.generation) ^ hour;
        links.push(Link {
            repository,
            package,
            external,
            is_open: is_open && is_connected,
            closed,
            held_back_after,
            advisories: advisories.clone(),
            state: [state, outside, advisories.generation],
        });
        if links.len() >= LONGEST {
            break;
        }
    }
    Ok(links)
}

/// All repositories that packages can come from, the repository itself first, whatever is blocked of single packages.
pub fn repositories(tx: &mut ReadTx<'_>, repository: &Repository) -> Result<Vec<Repository>, store::Error> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::from([repository.name.clone()]));
    let mut waiting = vec![repository.clone()];
    while let Some(repository) = waiting.pop() {
        for upstream in repository.upstreams.iter().rev() {
            if seen.insert(upstream.clone())
                && let Some(next) = tx.get::<Repository>(&key_beside(&repository, upstream))?
            {
                waiting.push(next.into_inner());
            }
        }
        all.push(repository);
        if all.len() >= LONGEST {
            break;
        }
    }
    Ok(all)
}

/// Which origin control keeps a package from coming into a repository, for those who do not find it.
fn closed(
    repository: &Repository,
    package: Option<&Package>,
    controls: Option<&Controls>,
    coordinates: &Coordinates,
) -> Option<String> {
    let has_upstreams = !repository.upstreams.is_empty();
    let has_connection = repository.external_connection.is_some();
    if !has_upstreams && !has_connection {
        return None;
    }
    let (name, shown) = (&repository.name, coordinates.shown());
    if package.is_some_and(|package| package.restrictions.upstream == Permission::Block) {
        return Some(format!(
            "the origin configuration of package {shown} in repository {name} blocks upstream"
        ));
    }
    if let Some(days) = repository.tags.get(settings::QUARANTINE_DAYS).filter(|_| has_connection) {
        return Some(format!(
            "repository {name} holds back what was published outside in the last {days} days ({})",
            settings::QUARANTINE_DAYS
        ));
    }
    let controls = controls?;
    let denied = |way: Way, is_there: bool| is_there && !controls.admit(way, name);
    let ways = [(Way::InternalUpstream, has_upstreams), (Way::ExternalUpstream, has_connection)];
    let (way, _) = ways.into_iter().find(|(way, is_there)| denied(*way, *is_there))?;
    Some(format!(
        "package group {} does not admit it into repository {name} ({})",
        controls.group,
        way.as_str()
    ))
}

/// What was seen through the connection that the repository has now.
fn external(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    coordinates: &Coordinates,
) -> Result<Option<External>, store::Error> {
    let known = tx.get::<External>(&External::key_of(repository.id, coordinates))?;
    let known = known.map(store::Versioned::into_inner);
    Ok(known.filter(|known| repository.external_connection.as_ref() == Some(&known.connection)))
}

fn key_beside(repository: &Repository, name: &str) -> Key {
    Repository::key_of(&repository.domain_name().repository(name))
}

/// The version as the nearest repository has it: its status there is what counts. Errors: `AccessDenied` if it is blocked.
pub fn find(
    tx: &mut ReadTx<'_>,
    links: &[Link],
    coordinates: &Coordinates,
    version: &str,
) -> Result<Option<Found>, Error> {
    if let Some(link) = links.first() {
        link.advisories.check(coordinates, version)?;
    }
    let mut nearest: Option<Found> = None;
    for (at, link) in links.iter().enumerate() {
        let key = Version::key_of(link.repository.id, coordinates, version);
        let own = if link.package.is_some() { tx.get::<Version>(&key)? } else { None };
        let own = own.map(|own| Found { link: at, version: own.into_inner(), remote: None });
        let key = ExternalVersion::key_of(link.repository.id, coordinates, version);
        let outside = if link.external.is_some() { tx.get::<ExternalVersion>(&key)? } else { None };
        let outside = outside.and_then(|outside| link.outside(at, outside.into_inner()));
        for found in own.into_iter().chain(outside) {
            match &mut nearest {
                Some(nearest) => nearest.complete(found),
                None => nearest = Some(found),
            }
        }
        // What was published is whole.
        if nearest.as_ref().is_some_and(|found| matches!(found.version.origin, Origin::Internal { .. })) {
            break;
        }
    }
    Ok(nearest)
}

/// All versions that are not blocked by name, each as the nearest repository has it.
pub fn versions(
    tx: &mut ReadTx<'_>,
    links: &[Link],
    coordinates: &Coordinates,
) -> Result<BTreeMap<String, Found>, store::Error> {
    let mut all: BTreeMap<String, Found> = BTreeMap::new();
    let mut add = |number: String, found: Found| match all.get_mut(&number) {
        Some(nearest) => nearest.complete(found),
        None => {
            all.insert(number, found);
        }
    };
    for (at, link) in links.iter().enumerate() {
        if link.package.is_some() {
            let page = tx.scan::<Version>(Version::all_of(link.repository.id, coordinates), MOST_VERSIONS)?;
            for version in page.into_records() {
                add(version.version.clone(), Found { link: at, version, remote: None });
            }
        }
        if link.external.is_some() {
            let range = ExternalVersion::all_of(link.repository.id, coordinates);
            for outside in tx.scan::<ExternalVersion>(range, MOST_VERSIONS)?.into_records() {
                let number = outside.version.clone();
                if let Some(found) = link.outside(at, outside) {
                    add(number, found);
                }
            }
        }
    }
    if let Some(link) = links.first().filter(|link| !link.advisories.of(coordinates).is_empty()) {
        all.retain(|version, _| !link.advisories.is_blocked(coordinates, version));
    }
    Ok(all)
}

/// Keeps an asset of a version that is upstream in the repository that was asked for it, with what else the domain has of
/// the version: so it stays whatever becomes of the other repository. Nothing happens if it is there already.
pub fn retain(
    tx: &mut WriteTx<'_>,
    repository: &Repository,
    version: &Version,
    name: &str,
    now: Timestamp,
) -> Result<(), Error> {
    if !tx.exists::<Repository>(&Repository::key_of(&repository.full_name()))? {
        return Ok(());
    }
    let key = Version::key_of(repository.id, &version.coordinates, &version.version);
    let before = tx.get::<Version>(&key)?.map(store::Versioned::into_inner);
    let mut kept = match &before {
        None => Version { repository: repository.id, published: now, ..version.clone() },
        Some(own) => match added(own, version, name) {
            Some(kept) => kept,
            None => return Ok(()),
        },
    };
    let mut package =
        super::package_or_new(tx, repository, &version.coordinates, Restrictions::RETAINED, now)?;
    writing::save(tx, repository, &mut package, before.as_ref(), &mut kept, None, now)
}

/// The version with one more asset; `None` if nothing is to be added to it.
fn added(own: &Version, version: &Version, name: &str) -> Option<Version> {
    let is_new = !own.contents.assets.contains_key(name) && own.status.is_readable();
    let is_outside = matches!(own.origin, Origin::External { .. }) && own.origin == version.origin;
    let asset: &Asset = version.contents.assets.get(name).filter(|_| is_new && is_outside)?;
    let mut kept = own.clone();
    kept.contents.assets.insert(name.to_owned(), asset.clone());
    // What is said of a version of Maven comes with one of its files.
    kept.contents.metadata.clone_from(&version.contents.metadata);
    Some(kept)
}
