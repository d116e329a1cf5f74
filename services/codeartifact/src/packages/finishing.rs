//! Versions of Maven that become whole: their files come one by one, and the metadata last.
//! Source: CodeArtifact User Guide, "Using Maven checksums", "Use Maven snapshots".

use std::collections::BTreeSet;

use aws::Timestamp;
use store::{Range, ReadTx, WriteTx};

use super::{find_package, find_repository, find_version, publishing, writing};
use crate::error::{Error, Resource};
use crate::names::{Coordinates, RepositoryName};
use crate::records::{Checksums, Maven, Native, Package, Repository, Status, Version};
use crate::versions::maven::{self, SNAPSHOT};

/// How many documents a package remembers: more than clients put at the same time.
const DOCUMENTS: usize = 12;
/// Unfinished versions of one package that are looked at.
const MOST_UNFINISHED: usize = 1_000;
/// A document lists the version that it is put for near its end.
const LOOKED_AT: usize = 100;

/// Publishes the unfinished versions that the metadata of a package lists; the builds of snapshots have metadata of their
/// own. Errors: `Validation` if it lists none of this repository, or one whose files are not as their checksums say.
pub fn finish(
    tx: &mut WriteTx<'_>,
    name: &RepositoryName,
    coordinates: &Coordinates,
    listed: &[String],
    document: Checksums,
    now: Timestamp,
) -> Result<(), Error> {
    let (repository, mut package) = open(tx, name, coordinates)?;
    let unfinished = Version::all_of(repository.id, coordinates).and(Status::Unfinished.as_str());
    let unfinished =
        tx.scan_index::<Version>(Version::BY_STATUS, Range::prefix(unfinished), MOST_UNFINISHED)?;
    let unfinished = unfinished.into_records();
    let names: BTreeSet<&String> = listed.iter().collect();
    let is_pending = |version: &Version| {
        let base = maven::base_of_build(&version.version).map(|base| format!("{base}{SNAPSHOT}"));
        base.is_some_and(|snapshot| names.contains(&snapshot))
    };
    let is_known = unfinished.iter().any(|version| names.contains(&version.version) || is_pending(version));
    if !is_known && !has_any(tx, &repository, coordinates, listed)? {
        return Err(nothing_uploaded(coordinates));
    }
    for before in unfinished.into_iter().filter(|version| names.contains(&version.version)) {
        check_checksums(&before)?;
        let mut after = before.clone();
        after.status = Status::Published;
        after.published = now;
        writing::save(tx, &repository, &mut package, Some(&before), &mut after, None, now)?;
    }
    remember(tx, &mut package, document)
}

/// Makes a build what its snapshot stands for, unless that stands for a newer one already.
/// Errors: `Validation` if nothing of the build was uploaded or its files are not as their checksums say; `Conflict`.
pub fn finish_build(
    tx: &mut WriteTx<'_>,
    name: &RepositoryName,
    coordinates: &Coordinates,
    (snapshot, build): (&str, &str),
    document: Checksums,
    now: Timestamp,
) -> Result<(), Error> {
    let (repository, mut package) = open(tx, name, coordinates)?;
    let key = Version::key_of(repository.id, coordinates, build);
    let before = tx.get::<Version>(&key)?.map(store::Versioned::into_inner);
    let before = before.ok_or_else(|| nothing_uploaded(coordinates))?;
    check_checksums(&before)?;
    let mut after = before.clone();
    if before.status == Status::Unfinished {
        after.status = Status::Unlisted;
        after.published = now;
    }
    writing::save(tx, &repository, &mut package, Some(&before), &mut after, None, now)?;
    stand_for(tx, &repository, &mut package, snapshot, &after, now)?;
    remember(tx, &mut package, document)
}

fn stand_for(
    tx: &mut WriteTx<'_>,
    repository: &Repository,
    package: &mut Package,
    snapshot: &str,
    build: &Version,
    now: Timestamp,
) -> Result<(), Error> {
    let key = Version::key_of(repository.id, &package.coordinates, snapshot);
    let before = tx.get::<Version>(&key)?.map(store::Versioned::into_inner);
    if let Some(known) = &before {
        if !matches!(known.status, Status::Published | Status::Unlisted | Status::Unfinished) {
            let message = format!("{snapshot} is {}: no build can be published.", known.status.as_str());
            return Err(Error::conflict(Resource::version(snapshot), message));
        }
        let newest = known.contents.maven().and_then(|maven| maven.build.as_deref());
        let stamp =
            |build: &str| maven::stamp_of_build(build).map(|(stamp, number)| (stamp.to_owned(), number));
        if newest.and_then(stamp) > stamp(&build.version) {
            return Ok(());
        }
    }
    let mut contents = build.contents.clone();
    let plugin = contents.maven().and_then(|maven| maven.plugin.clone());
    let native = Maven { plugin, mismatches: BTreeSet::new(), build: Some(build.version.clone()) };
    contents.native = Some(Native::Maven(native));
    let version = snapshot.to_owned();
    let mut after = Version { version, status: Status::Published, published: now, contents, ..build.clone() };
    writing::save(tx, repository, package, before.as_ref(), &mut after, None, now)
}

/// Notes whether a checksum file is that of its file. Of a version that others see already, nothing is noted.
/// Errors: `NotFound` of whatever is not there.
pub fn note_checksum(
    tx: &mut WriteTx<'_>,
    name: &RepositoryName,
    coordinates: &Coordinates,
    (number, file): (&str, &str),
    is_right: impl Fn(&Version) -> Result<bool, Error>,
    now: Timestamp,
) -> Result<bool, Error> {
    let repository = find_repository(tx, name)?;
    let before = find_version(tx, &repository, coordinates, number)?;
    let is_right = is_right(&before)?;
    if before.status != Status::Unfinished {
        return Ok(is_right);
    }
    let mut native = before.contents.maven().cloned().unwrap_or_default();
    let has_changed =
        if is_right { native.mismatches.remove(file) } else { native.mismatches.insert(file.to_owned()) };
    if has_changed {
        let mut after = before.clone();
        after.contents.native = Some(Native::Maven(native));
        let mut package = find_package(tx, &repository, coordinates)?;
        writing::save(tx, &repository, &mut package, Some(&before), &mut after, None, now)?;
    }
    Ok(is_right)
}

fn open(
    tx: &mut ReadTx<'_>,
    name: &RepositoryName,
    coordinates: &Coordinates,
) -> Result<(Repository, Package), Error> {
    let repository = find_repository(tx, name)?;
    let package = tx.get::<Package>(&Package::key_of(repository.id, coordinates))?;
    let package = package.map(store::Versioned::into_inner).ok_or_else(|| nothing_uploaded(coordinates))?;
    publishing::check_allowed(tx, &repository, &package)?;
    Ok((repository, package))
}

fn has_any(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    coordinates: &Coordinates,
    listed: &[String],
) -> Result<bool, store::Error> {
    for version in listed.iter().rev().take(LOOKED_AT) {
        if tx.exists::<Version>(&Version::key_of(repository.id, coordinates, version))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Errors: `Validation`.
fn check_checksums(version: &Version) -> Result<(), Error> {
    let Some(file) = version.contents.maven().and_then(|maven| maven.mismatches.first()) else {
        return Ok(());
    };
    let number = &version.version;
    Err(Error::field(format!(
        "Version {number} is not whole: {file} does not have the checksum of its file."
    )))
}

fn nothing_uploaded(coordinates: &Coordinates) -> Error {
    let package = coordinates.shown();
    Error::field(format!("The metadata lists no version of {package} of which a file was uploaded before."))
}

/// For the checksums that follow.
pub fn remember(tx: &mut WriteTx<'_>, package: &mut Package, document: Checksums) -> Result<(), Error> {
    package.documents.retain(|known| *known != document);
    package.documents.push(document);
    let surplus = package.documents.len().saturating_sub(DOCUMENTS);
    package.documents.drain(..surplus);
    tx.put(&*package)?;
    Ok(())
}
