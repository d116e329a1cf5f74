//! Packages and their versions: what is true of them in every format.

pub mod assets;
pub mod chain;
pub mod changes;
pub mod copying;
pub mod downloads;
pub mod events;
pub mod finishing;
pub mod listing;
pub mod publishing;
pub mod writing;

use aws::Timestamp;
use store::ReadTx;

use crate::error::{Error, Resource};
use crate::groups;
use crate::names::{Coordinates, DomainName, RepositoryName};
use crate::records::{Domain, Package, Repository, Restrictions, Version};

/// Errors: `NotFound`.
pub fn find_domain(tx: &mut ReadTx<'_>, name: &DomainName) -> Result<Domain, Error> {
    let found = tx.get::<Domain>(&Domain::key_of(name))?.map(store::Versioned::into_inner);
    found.ok_or_else(|| {
        let DomainName { scope, name } = name;
        let message =
            format!("Domain not found. Domain '{name}' owned by account '{}' does not exist.", scope.account);
        Error::not_found(Resource::domain(name), message)
    })
}

/// Errors: `NotFound`, of the domain or of the repository.
pub fn find_repository(tx: &mut ReadTx<'_>, name: &RepositoryName) -> Result<Repository, Error> {
    if let Some(found) = tx.get::<Repository>(&Repository::key_of(name))? {
        return Ok(found.into_inner());
    }
    find_domain(tx, &name.domain)?;
    let message = format!(
        "Repository not found. Repository '{}' does not exist in domain '{}'.",
        name.name, name.domain.name
    );
    Err(Error::not_found(Resource::repository(&name.name), message))
}

/// Errors: `NotFound`.
pub fn find_package(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    coordinates: &Coordinates,
) -> Result<Package, Error> {
    let found = tx.get::<Package>(&Package::key_of(repository.id, coordinates))?;
    found.map(store::Versioned::into_inner).ok_or_else(|| {
        let message = format!(
            "Package not found in repository. Repository: {}, format: {}, package: {}",
            repository.name,
            coordinates.format.as_str(),
            coordinates.shown()
        );
        Error::not_found(coordinates.resource(), message)
    })
}

/// Errors: `NotFound`, of the package or of the version.
pub fn find_version(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    coordinates: &Coordinates,
    version: &str,
) -> Result<Version, Error> {
    find_package(tx, repository, coordinates)?;
    let found = tx.get::<Version>(&Version::key_of(repository.id, coordinates, version))?;
    found.map(store::Versioned::into_inner).ok_or_else(|| no_such_version(repository, coordinates, version))
}

pub fn no_such_version(repository: &Repository, coordinates: &Coordinates, version: &str) -> Error {
    let message = format!(
        "Package version not found. Repository: {}, format: {}, package: {}, version: {version}",
        repository.name,
        coordinates.format.as_str(),
        coordinates.shown()
    );
    Error::not_found(Resource::version(&format!("{} {version}", coordinates.shown())), message)
}

/// The package; one that is not there yet begins with these restrictions, unless its group decides, and is stored with its
/// first version.
pub fn package_or_new(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    coordinates: &Coordinates,
    restrictions: Restrictions,
    now: Timestamp,
) -> Result<Package, Error> {
    if let Some(found) = tx.get::<Package>(&Package::key_of(repository.id, coordinates))? {
        return Ok(found.into_inner());
    }
    let controls = groups::controls(tx, repository.domain_id, coordinates)?;
    let is_limited = controls.is_some_and(|controls| controls.are_limiting());
    let restrictions = if is_limited { Restrictions::OPEN } else { restrictions };
    Ok(Package::new(repository, coordinates, restrictions, now))
}
