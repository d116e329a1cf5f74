//! What is known of a package outside, and how old that may be.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use aws::Timestamp;

use super::{Origin, Trouble, fetch, npm, pypi};
use crate::CodeArtifact;
use crate::error::Error;
use crate::names::{Coordinates, Format};
use crate::packages::chain;
use crate::records::{External, Repository};

/// How long what was seen of a package is good.
const FRESH: Duration = Duration::from_secs(300);
/// How long it is remembered that there is no such package.
const ABSENT: Duration = Duration::from_secs(30);
/// How long an origin that failed is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(15);

/// Looks outside for a package, for all repositories along the chain that have a connection of its format and may take it
/// from there. Answers why one of them was of no help.
pub async fn refresh(
    ca: &CodeArtifact,
    repository: &Repository,
    coordinates: &Coordinates,
) -> Result<Option<Trouble>, Error> {
    let (of, package) = (repository.clone(), coordinates.clone());
    let links = ca.store.read(move |tx| chain::of(tx, &of, &package)).await?;
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
    age < if known.versions.is_empty() { ABSENT } else { FRESH }
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
            ca.outside.note(connection, &trouble);
            return Ok(Err(trouble));
        }
    };
    let external = External {
        repository: repository.id,
        coordinates: coordinates.clone(),
        connection: connection.to_owned(),
        checked: Timestamp::now(),
        versions: seen.0,
        tags: seen.1,
    };
    let name = repository.full_name();
    let write = ca.store.write(move |tx| {
        // A repository that is gone meanwhile leaves nothing behind.
        if tx.exists::<Repository>(&Repository::key_of(&name))? {
            tx.put(&external)?;
        }
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(Ok(()))
}

async fn ask(ca: &CodeArtifact, connection: &str, coordinates: &Coordinates) -> Result<npm::Seen, Trouble> {
    let origin = ca.outside.origin(connection)?;
    let (url, accept) = match coordinates.format {
        Format::Pypi => (pypi::url(origin, coordinates), pypi::MEDIA_TYPE),
        _ => (npm::url(origin, coordinates), "application/json"),
    };
    let page = ca.outside.http.page(connection, &url, accept).await?;
    let Some(body) = page.body else { return Ok((BTreeMap::new(), BTreeMap::new())) };
    if !page.media_type.contains("json") {
        return Err(fetch::answered(connection, &format!("{} instead of JSON for {url}", page.media_type)));
    }
    let read = match coordinates.format {
        Format::Pypi => pypi::read(origin, coordinates, &body).map(|versions| (versions, BTreeMap::new())),
        _ => npm::read(origin, coordinates, &body),
    };
    read.map_err(|what| fetch::answered(connection, &what))
}

impl super::Outside {
    fn recent_trouble(&self, connection: &str) -> Option<Trouble> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, trouble) = failed.get(connection)?;
        (at.elapsed() < LEFT_ALONE).then(|| trouble.clone())
    }

    /// Only an origin that is not there is left alone: another package may well be answered.
    fn note(&self, connection: &str, trouble: &Trouble) {
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
        let host = |url: &url::Url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?));
        let own = url::Url::parse(&self.url).ok();
        let is_own = own.is_some_and(|own| own.scheme() == parsed.scheme() && host(&own) == host(&parsed));
        let is_named =
            parsed.host_str().is_some_and(|host| self.file_hosts.iter().any(|named| named == host));
        is_own || (is_named && matches!(parsed.scheme(), "http" | "https"))
    }
}
