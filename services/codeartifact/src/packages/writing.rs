//! The only place where versions are stored and taken away: so the bytes of a domain are counted, and the world is told,
//! in the same transaction.

use std::collections::BTreeMap;

use aws::Timestamp;
use blob::Digest;
use blob::collection::{self, Ticket};
use store::WriteTx;
use uuid::Uuid;

use super::events::{self, Changes, Happening};
use super::listing;
use crate::error::Error;
use crate::records::{Asset, DomainBlob, Download, Package, Repository, Usage, Version};

/// Stores a version and its package. `before` is what is stored of it now. The version gets its revision; one that is
/// as it was stays as it is, and nobody is told. `ticket` is for bytes that the domain may not have yet.
pub fn save(
    tx: &mut WriteTx<'_>,
    repository: &Repository,
    package: &mut Package,
    before: Option<&Version>,
    version: &mut Version,
    ticket: Option<&Ticket>,
    now: Timestamp,
) -> Result<(), Error> {
    version.revision = version.contents.revision();
    if before == Some(version) {
        return Ok(());
    }
    let nothing = BTreeMap::new();
    let old = before.map_or(&nothing, |version| &version.contents.assets);
    for asset in without(&version.contents.assets, old) {
        claim(tx, repository.domain_id, asset, ticket)?;
    }
    for asset in without(old, &version.contents.assets) {
        release(tx, repository.domain_id, asset.blob)?;
    }
    tx.put(version)?;
    number(package, now);
    tx.put(package)?;
    listing::renew(tx, package)?;
    let happening = if before.is_some() { Happening::Updated } else { Happening::Created };
    let changes = Changes::between(before, Some(version));
    Ok(events::tell(tx, repository, package, version, happening, changes, now)?)
}

/// Takes a version away. Its package stays.
pub fn remove(
    tx: &mut WriteTx<'_>,
    repository: &Repository,
    package: &mut Package,
    version: &Version,
    now: Timestamp,
) -> Result<(), Error> {
    for asset in version.contents.assets.values() {
        release(tx, repository.domain_id, asset.blob)?;
    }
    let key = Version::key_of(version.repository, &version.coordinates, &version.version);
    tx.delete::<Version>(&key)?;
    tx.delete::<Download>(&key)?;
    number(package, now);
    tx.put(package)?;
    listing::renew(tx, package)?;
    let changes = Changes::between(Some(version), None);
    Ok(events::tell(tx, repository, package, version, Happening::Deleted, changes, now)?)
}

/// Events of a package are in the order of their numbers, also of one that was deleted and made again.
fn number(package: &mut Package, now: Timestamp) {
    package.sequence = u64::try_from(now.as_millis()).unwrap_or(0).max(package.sequence + 1);
}

/// The assets of `these` that `those` does not have alike.
fn without<'a>(
    these: &'a BTreeMap<String, Asset>,
    those: &'a BTreeMap<String, Asset>,
) -> impl Iterator<Item = &'a Asset> {
    let is_new =
        |(name, asset): &(&String, &Asset)| those.get(*name).is_none_or(|old| old.blob != asset.blob);
    these.iter().filter(is_new).map(|(_, asset)| asset)
}

fn claim(tx: &mut WriteTx<'_>, domain: Uuid, asset: &Asset, ticket: Option<&Ticket>) -> Result<(), Error> {
    if let Some(ticket) = ticket {
        collection::name(tx, ticket, asset.blob)?;
    }
    let known = tx.get::<DomainBlob>(&DomainBlob::key_of(domain, asset.blob))?;
    if let Some(mut known) = known {
        known.record.assets += 1;
        tx.put(&known.record)?;
        return Ok(());
    }
    if ticket.is_none() {
        return Err(Error::Internal(format!("blob {} is not of the domain", asset.blob)));
    }
    tx.put(&DomainBlob { domain, blob: asset.blob, size: asset.size, assets: 1 })?;
    Ok(Usage::change(tx, domain, |usage| usage.asset_bytes += asset.size)?)
}

fn release(tx: &mut WriteTx<'_>, domain: Uuid, blob: Digest) -> Result<(), Error> {
    let key = DomainBlob::key_of(domain, blob);
    let Some(mut known) = tx.get::<DomainBlob>(&key)? else {
        return Err(Error::Internal(format!("blob {blob} of a domain is not counted")));
    };
    known.record.assets = known.record.assets.saturating_sub(1);
    if known.record.assets > 0 {
        tx.put(&known.record)?;
        return Ok(());
    }
    tx.delete::<DomainBlob>(&key)?;
    let size = known.record.size;
    Ok(Usage::change(tx, domain, |usage| usage.asset_bytes = usage.asset_bytes.saturating_sub(size))?)
}
