//! What is known of a package outside, and how old that may be.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use aws::Timestamp;
use store::WriteTx;
use uuid::Uuid;

use super::{Origin, Outside, Trouble, cargo, fetch, maven, npm, nuget, pypi, ruby};
use crate::CodeArtifact;
use crate::error::Error;
use crate::names::{Coordinates, Format};
use crate::packages::chain;
use crate::records::{External, ExternalVersion, Repository};

/// How long what was seen of a package is good.
const FRESH: Duration = Duration::from_secs(300);
/// How long it is remembered that there is no such package.
const ABSENT: Duration = Duration::from_secs(30);
/// How long an origin that failed is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(15);
/// How many versions of a package are noted.
const MOST_VERSIONS: usize = 20_000;

/// Looks outside for a package, for all repositories along the chain that have a connection of its format and may take it
/// from there. Answers why one of them was of no help.
pub async fn refresh(
    ca: &CodeArtifact,
    repository: &Repository,
    coordinates: &Coordinates,
) -> Result<Option<Trouble>, Error> {
    let (of, package) = (repository.clone(), coordinates.clone());
    let advisories = ca.advisories.current();
    let links = ca.store.read(move |tx| chain::of(tx, &advisories, &of, &package)).await?;
    let mut trouble = None;
    for link in links {
        let Some(connection) = link.connection() else { continue };
        let is_good = link.external.as_ref().is_some_and(|known| is_fresh(known, Timestamp::now()));
        if !is_good && let Err(met) = look(ca, &link.repository, connection, coordinates).await? {
            tracing::warn!(connection, package = coordinates.shown(), %met, "a package could not be looked for outside");
            trouble.get_or_insert(met);
        }
    }
    Ok(trouble)
}

fn is_fresh(known: &External, now: Timestamp) -> bool {
    let age = now.since(known.checked);
    age < if known.exists { FRESH } else { ABSENT }
}

/// Asks the origin and notes what it says; once for all who want to know.
async fn look(
    ca: &CodeArtifact,
    repository: &Repository,
    connection: &str,
    coordinates: &Coordinates,
) -> Result<Result<(), Trouble>, Error> {
    let _turn = ca.outside.turns.take(format!("{}/{}", repository.id, coordinates.shown())).await;
    let key = External::key_of(repository.id, coordinates);
    let known = ca.store.read(move |tx| tx.get::<External>(&key)).await?;
    let is_same = |known: &External| known.connection == connection && is_fresh(known, Timestamp::now());
    if known.is_some_and(|known| is_same(&known)) {
        return Ok(Ok(()));
    }
    if let Some(trouble) = ca.outside.recent_trouble(connection) {
        return Ok(Err(trouble));
    }
    let seen = match ask(ca, connection, coordinates).await {
        Ok(seen) => seen,
        Err(trouble) => {
            ca.outside.note_trouble(connection, &trouble);
            return Ok(Err(trouble));
        }
    };
    let (name, connection) = (repository.full_name(), connection.to_owned());
    let (id, coordinates, now) = (repository.id, coordinates.clone(), Timestamp::now());
    let write = ca.store.write(move |tx| {
        // A repository that is gone meanwhile leaves nothing behind.
        let known = tx.get::<Repository>(&Repository::key_of(&name))?;
        if known.is_some_and(|known| known.id == id) {
            note(tx, id, &coordinates, &connection, &seen, now)?;
        }
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(Ok(()))
}

/// Stores what was seen: the versions that are new or other than they were, and that others are gone.
fn note(
    tx: &mut WriteTx<'_>,
    repository: Uuid,
    coordinates: &Coordinates,
    connection: &str,
    (versions, tags): &npm::Seen,
    now: Timestamp,
) -> Result<(), Error> {
    let range = ExternalVersion::all_of(repository, coordinates);
    let before = tx.scan::<ExternalVersion>(range, MOST_VERSIONS)?.into_records();
    let mut before: BTreeMap<String, ExternalVersion> =
        before.into_iter().map(|known| (known.version.clone(), known)).collect();
    let known = tx.get::<External>(&External::key_of(repository, coordinates))?;
    let known = known.map(store::Versioned::into_inner);
    let is_other = |known: &External| known.connection != connection || known.tags != *tags;
    let mut has_changed = known.as_ref().is_none_or(is_other);
    for (number, remote) in versions.iter().take(MOST_VERSIONS) {
        if before.remove(number).is_some_and(|known| known.remote == *remote) {
            continue;
        }
        has_changed = true;
        let (coordinates, version) = (coordinates.clone(), number.clone());
        tx.put(&ExternalVersion { repository, coordinates, version, remote: remote.clone() })?;
    }
    for gone in before.keys() {
        has_changed = true;
        tx.delete::<ExternalVersion>(&ExternalVersion::key_of(repository, coordinates, gone))?;
    }
    let generation = known.map_or(0, |known| known.generation) + u64::from(has_changed);
    tx.put(&External {
        repository,
        coordinates: coordinates.clone(),
        connection: connection.to_owned(),
        checked: now,
        exists: !versions.is_empty() || !tags.is_empty(),
        tags: tags.clone(),
        generation,
    })?;
    Ok(())
}

async fn ask(ca: &CodeArtifact, connection: &str, coordinates: &Coordinates) -> Result<npm::Seen, Trouble> {
    if coordinates.format == Format::Nuget {
        return nuget::ask(ca, connection, coordinates).await;
    }
    let origin = ca.outside.origin(connection)?;
    let (url, accept) = match coordinates.format {
        Format::Maven => (maven::url(origin, coordinates), "*/*"),
        Format::Cargo => (cargo::url(origin, coordinates), "text/plain"),
        Format::Pypi => (pypi::url(origin, coordinates), pypi::MEDIA_TYPE),
        Format::Ruby => (ruby::url(origin, coordinates), "text/plain"),
        _ => (npm::url(origin, coordinates), "application/json"),
    };
    let page = ca.outside.page(connection, &url, accept).await?;
    let Some(body) = page.body else { return Ok((BTreeMap::new(), BTreeMap::new())) };
    let is_json = matches!(coordinates.format, Format::Npm | Format::Pypi);
    if is_json && !page.media_type.contains("json") {
        return Err(fetch::answered(connection, &format!("{} instead of JSON for {url}", page.media_type)));
    }
    let read = match coordinates.format {
        Format::Maven => maven::read(coordinates, &body),
        Format::Cargo => {
            let downloads = cargo::downloads(ca, connection, origin).await?;
            cargo::read(origin, &downloads, coordinates, &body)
        }
        Format::Ruby => ruby::read(origin, coordinates, &body),
        Format::Pypi => pypi::read(origin, coordinates, &body).map(|versions| (versions, BTreeMap::new())),
        _ => npm::read(origin, coordinates, &body),
    };
    read.map_err(|what| fetch::answered(connection, &what))
}

impl Outside {
    pub(super) fn recent_trouble(&self, connection: &str) -> Option<Trouble> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, trouble) = failed.get(connection)?;
        (at.elapsed() < LEFT_ALONE).then(|| trouble.clone())
    }

    /// Only an origin that is not there is left alone: another package may well be answered.
    pub(super) fn note_trouble(&self, connection: &str, trouble: &Trouble) {
        if matches!(trouble, Trouble::Unreachable { .. }) {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.insert(connection.to_owned(), (Instant::now(), trouble.clone()));
        }
    }
}

impl Origin {
    /// Whether a file at that address is the origin's.
    pub fn has(&self, url: &str) -> bool {
        let Ok(parsed) = url::Url::parse(url) else { return false };
        let own = url::Url::parse(&self.url).ok();
        let is_own = own.is_some_and(|own| {
            let port = url::Url::port_or_known_default;
            own.scheme() == parsed.scheme()
                && own.host_str().is_some()
                && own.host_str() == parsed.host_str()
                && port(&own) == port(&parsed)
        });
        let is_named =
            parsed.host_str().is_some_and(|host| self.file_hosts.iter().any(|named| named == host));
        is_own || (is_named && matches!(parsed.scheme(), "http" | "https"))
    }
}
