//! The words of packages, kept as the packages change, and the packages that have words.

use std::collections::BTreeMap;

use store::{Key, Range, ReadTx, Record, WriteTx};

use crate::advisories::List;
use crate::error::Error;
use crate::finding::{self, Query};
use crate::names::Format;
use crate::records::{Listing, Package, Repository, Status, Version};
use crate::versions;

/// How many packages that have one word of a query are held against the others: so a search costs no more, however many
/// packages there are. Those with the word itself, and in a better place, are among the first.
const CANDIDATES: usize = 1_000;
/// How many of the newest versions are looked at for one that is listed.
const NEWEST: usize = 20;
/// How many versions are looked at for one that is not blocked.
const MOST_VERSIONS: usize = 1_000;

/// Packages that were found, the best first.
pub struct Found {
    pub listings: Vec<Listing>,
    /// Whether there may be more.
    pub is_more: bool,
}

/// Brings the words of a package up to date, in the transaction that changes it.
pub fn renew(tx: &mut WriteTx<'_>, package: &Package) -> Result<(), Error> {
    let Some(version) = shown(tx, package)? else {
        tx.delete::<Listing>(&package.key())?;
        return Ok(());
    };
    let listing = Listing {
        repository: package.repository,
        coordinates: package.coordinates.clone(),
        words: finding::words(&version),
        version: version.version,
    };
    let known = tx.get::<Listing>(&listing.key())?;
    if known.is_none_or(|known| *known != listing) {
        tx.put(&listing)?;
    }
    Ok(())
}

/// The version that stands for a package: what `latest` names, else the newest that is listed.
fn shown(tx: &mut ReadTx<'_>, package: &Package) -> Result<Option<Version>, Error> {
    if let Some(latest) = package.tags.get("latest") {
        let named = tx.get::<Version>(&Version::key_of(package.repository, &package.coordinates, latest))?;
        if let Some(version) = named.filter(|version| version.status.is_listed()) {
            return Ok(Some(version.into_inner()));
        }
    }
    let all = Version::all_of(package.repository, &package.coordinates);
    let newest = Range::prefix(all.clone()).descending();
    let newest = tx.scan_index::<Version>(Version::BY_TIME, newest, NEWEST)?.into_records();
    if let Some(version) = newest.into_iter().find(|version| version.status.is_listed()) {
        return Ok(Some(version));
    }
    let published = Range::prefix(all.and(Status::Published.as_str())).descending();
    let any = tx.scan_index::<Version>(Version::BY_STATUS, published, 1)?;
    Ok(any.into_records().into_iter().next())
}

/// The version that stands for a package that was found; another one where that is blocked. `None` if all are.
pub fn found(tx: &mut ReadTx<'_>, advisories: &List, listing: &Listing) -> Result<Option<Version>, Error> {
    let (repository, coordinates) = (listing.repository, &listing.coordinates);
    if !advisories.is_blocked(coordinates, &listing.version) {
        let key = Version::key_of(repository, coordinates, &listing.version);
        return Ok(tx.get::<Version>(&key)?.map(store::Versioned::into_inner));
    }
    let published = Version::all_of(repository, coordinates).and(Status::Published.as_str());
    let page = tx.scan_index::<Version>(Version::BY_STATUS, Range::prefix(published), MOST_VERSIONS)?;
    let rest =
        page.into_records().into_iter().filter(|one| !advisories.is_blocked(coordinates, &one.version));
    Ok(rest.max_by(|a, b| versions::compare(coordinates.format, &a.version, &b.version)))
}

/// The packages of one format that fit a query; without words the first by name.
pub fn search(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    format: Format,
    query: &Query,
) -> Result<Found, Error> {
    let all = Listing::words_of(repository.id, format);
    if query.words.is_empty() {
        let page = tx.scan::<Listing>(Range::prefix(all), CANDIDATES)?;
        let is_more = page.next.is_some();
        return Ok(Found { listings: page.into_records(), is_more });
    }
    let (mut candidates, mut is_more) = (Vec::new(), true);
    for word in &query.words {
        let page =
            tx.scan_index::<Listing>(Listing::BY_WORD, Range::starting(all.clone(), word), CANDIDATES)?;
        let is_whole = page.next.is_none();
        if candidates.is_empty() || is_whole {
            candidates = page.into_records();
        }
        // One word that few packages have is enough.
        if is_whole {
            is_more = false;
            break;
        }
    }
    // A package may have several words that begin alike.
    let mut ranked: BTreeMap<(u32, Key), Listing> = BTreeMap::new();
    for listing in candidates {
        if let Some(rank) = query.rank(&listing) {
            ranked.insert((rank, listing.key()), listing);
        }
    }
    Ok(Found { listings: ranked.into_values().collect(), is_more })
}
