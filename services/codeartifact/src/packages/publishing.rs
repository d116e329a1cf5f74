//! Publishing into a repository: who may add what, decided in the transaction that does it.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::Timestamp;
use blob::collection::Ticket;
use store::{ReadTx, WriteTx};

use super::{chain, listing, writing};
use crate::advisories::List;
use crate::content::Received;
use crate::error::{Error, Resource};
use crate::groups::{self, Way};
use crate::names::{Coordinates, Format, RepositoryName};
use crate::records::{
    Asset, Contents, Metadata, Native, Origin, Package, Permission, PythonFile, Repository, Restrictions,
    Status, Version,
};
use crate::versions::maven;

/// Assets of one version. Source: CodeArtifact quotas, "Maximum assets per package version".
const MOST_ASSETS: usize = 350;

/// What is published: some or all assets of a version.
#[derive(Clone, Debug)]
pub struct Publication {
    pub coordinates: Coordinates,
    /// In its format's normal form.
    pub version: String,
    pub assets: BTreeMap<String, Asset>,
    /// The older of those of its assets.
    pub ticket: Ticket,
    /// Of a version that is there already and has these, they are kept as they are.
    pub metadata: Metadata,
    pub native: Option<Native>,
    /// `Published`, or `Unfinished` if more is to come.
    pub status: Status,
    /// Names that are to point to the version.
    pub tags: Vec<String>,
}

impl Asset {
    pub fn of(received: &Received, python: Option<PythonFile>, added: Timestamp) -> Self {
        Self {
            blob: received.blob,
            size: received.size,
            md5: received.md5.clone(),
            sha1: received.sha1.clone(),
            sha512: received.sha512.clone(),
            added,
            python,
        }
    }
}

impl Format {
    /// Whether files may be added to a version that is published.
    fn grows(self) -> bool {
        match self {
            Self::Pypi | Self::Maven => true,
            Self::Npm | Self::Nuget | Self::Generic | Self::Ruby | Self::Swift | Self::Cargo => false,
        }
    }
}

/// Publishes. The same bytes under the same name change nothing.
/// Errors: `NotFound`, `AccessDenied` where the package's origin configuration or an advisory blocks it, `Conflict`,
/// `QuotaExceeded`.
pub fn publish(
    tx: &mut WriteTx<'_>,
    advisories: &Arc<List>,
    name: &RepositoryName,
    publication: &Publication,
    now: Timestamp,
) -> Result<Version, Error> {
    let repository = super::find_repository(tx, name)?;
    let coordinates = &publication.coordinates;
    let mut package = super::package_or_new(tx, &repository, coordinates, Restrictions::PUBLISHED, now)?;
    check_allowed(tx, &repository, &package)?;
    advisories.check(coordinates, &publication.version)?;
    let key = Version::key_of(repository.id, coordinates, &publication.version);
    let before = tx.get::<Version>(&key)?.map(store::Versioned::into_inner);
    let mut version = match &before {
        Some(known) => extended(known, publication, now)?,
        None => {
            check_not_upstream(tx, advisories, &repository, publication)?;
            first(&repository, publication, now)
        }
    };
    if version.contents.assets.len() > MOST_ASSETS {
        let message = format!("A package version may have {MOST_ASSETS} assets at most.");
        return Err(Error::quota(resource(publication), message));
    }
    for tag in &publication.tags {
        package.tags.insert(tag.clone(), publication.version.clone());
    }
    let ticket = Some(&publication.ticket);
    writing::save(tx, &repository, &mut package, before.as_ref(), &mut version, ticket, now)?;
    if !publication.tags.is_empty() {
        tx.put(&package)?;
        listing::renew(tx, &package)?;
    }
    Ok(version)
}

/// Whether the origin configuration of a package and that of its group let versions be published. Errors: `AccessDenied`.
pub fn check_allowed(tx: &mut ReadTx<'_>, repository: &Repository, package: &Package) -> Result<(), Error> {
    check_origin(package)?;
    let controls = groups::controls(tx, repository.domain_id, &package.coordinates)?;
    match controls.filter(|controls| !controls.admit(Way::Publish, &repository.name)) {
        Some(controls) => Err(Error::AccessDenied(controls.reason(&package.coordinates))),
        None => Ok(()),
    }
}

/// Errors: `AccessDenied`.
pub fn check_origin(package: &Package) -> Result<(), Error> {
    match package.restrictions.publish {
        Permission::Allow => Ok(()),
        Permission::Block => Err(Error::AccessDenied(format!(
            "The origin configuration of package {} blocks publishing its versions into this repository.",
            package.coordinates.shown()
        ))),
    }
}

fn resource(publication: &Publication) -> Resource {
    Resource::version(&format!("{} {}", publication.coordinates.shown(), publication.version))
}

fn first(repository: &Repository, publication: &Publication, now: Timestamp) -> Version {
    Version {
        repository: repository.id,
        coordinates: publication.coordinates.clone(),
        version: publication.version.clone(),
        status: publication.status,
        revision: String::new(),
        published: now,
        origin: Origin::Internal { repository: repository.name.clone() },
        contents: Contents {
            assets: publication.assets.clone(),
            metadata: publication.metadata.clone(),
            native: publication.native.clone(),
        },
    }
}

/// A version that is there already with what is published now.
fn extended(known: &Version, publication: &Publication, now: Timestamp) -> Result<Version, Error> {
    let mut version = known.clone();
    for (name, asset) in &publication.assets {
        match known.contents.assets.get(name) {
            Some(same) if same.blob == asset.blob => check_seen(known, publication)?,
            Some(_) => {
                let message = format!(
                    "Asset {name} of version {} of package {} already exists with other content.",
                    publication.version,
                    publication.coordinates.shown()
                );
                return Err(Error::conflict(Resource::asset(name), message));
            }
            None => {
                check_open(known, publication)?;
                version.contents.assets.insert(name.clone(), asset.clone());
            }
        }
    }
    if version.contents.metadata == Metadata::default() {
        version.contents.metadata = publication.metadata.clone();
    }
    if version.contents.native.is_none() {
        version.contents.native.clone_from(&publication.native);
    }
    if known.status == Status::Unfinished && publication.status == Status::Published {
        version.status = Status::Published;
        version.published = now;
    }
    Ok(version)
}

/// Whether files may still be added. Errors: `Conflict`.
fn check_open(known: &Version, publication: &Publication) -> Result<(), Error> {
    let is_open = match known.status {
        Status::Unfinished => true,
        Status::Published => publication.coordinates.format.grows(),
        Status::Unlisted => is_build(publication),
        Status::Archived | Status::Disposed => false,
    };
    if is_open { Ok(()) } else { Err(closed(known, publication)) }
}

/// Whether a file that is there may be sent again: whoever does so should not believe that others see the version.
/// Errors: `Conflict`.
fn check_seen(known: &Version, publication: &Publication) -> Result<(), Error> {
    match known.status {
        Status::Unfinished | Status::Published => Ok(()),
        Status::Unlisted if is_build(publication) => Ok(()),
        Status::Unlisted | Status::Archived | Status::Disposed => Err(closed(known, publication)),
    }
}

/// A build of a snapshot, which is never listed.
fn is_build(publication: &Publication) -> bool {
    publication.coordinates.format == Format::Maven && maven::base_of_build(&publication.version).is_some()
}

fn closed(known: &Version, publication: &Publication) -> Error {
    let message = format!(
        "Version {} of package {} already exists and is {}: nothing can be added to it.",
        publication.version,
        publication.coordinates.shown(),
        known.status.as_str()
    );
    Error::conflict(resource(publication), message)
}

/// A version that is to be had from upstream cannot be published besides, unless upstream is blocked.
fn check_not_upstream(
    tx: &mut ReadTx<'_>,
    advisories: &Arc<List>,
    repository: &Repository,
    publication: &Publication,
) -> Result<(), Error> {
    let coordinates = &publication.coordinates;
    let links = chain::of(tx, advisories, repository, coordinates)?;
    let Some(found) = chain::find(tx, &links, coordinates, &publication.version)? else { return Ok(()) };
    let upstream = links.get(found.link).map_or("", |link| link.repository.name.as_str());
    let message = format!(
        "Version {} of package {} already exists in upstream repository {upstream}.",
        publication.version,
        coordinates.shown()
    );
    Err(Error::conflict(resource(publication), message))
}
