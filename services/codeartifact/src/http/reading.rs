//! Reading a package along the chain of its repository, and outside.

use std::collections::BTreeMap;

use aws::Timestamp;
use store::ReadTx;

use super::Call;
use super::documents::{self, Document, Name};
use crate::error::Error;
use crate::external::{self, Trouble, Wanted};
use crate::names::{Coordinates, Format};
use crate::packages::chain::{self, Found, Link};
use crate::packages::{assets, downloads, no_such_version};
use crate::records::{Asset, Origin, RemoteVersion, Repository};
use crate::versions::maven;

/// Answers what `work` finds along the chain of a package, after what is known of it outside was brought up to date.
/// Where nothing is found because an origin was of no help, that is said.
pub async fn along<T: Send + 'static>(
    call: &Call<'_>,
    package: &Coordinates,
    work: impl Fn(&mut ReadTx<'_>, &Repository, &[Link]) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let repository = repository(call)?.clone();
    let trouble = external::refresh(call.codeartifact, &repository, package).await?;
    let (coordinates, advisories) = (package.clone(), call.codeartifact.advisories.current());
    let read = call.codeartifact.store.read(move |tx| {
        let links = chain::of(tx, &advisories, &repository, &coordinates)?;
        work(tx, &repository, &links).map_err(|error| with_reason(error, &links, &coordinates))
    });
    read.await.map_err(|error| or_trouble(error, trouble))
}

/// The document of a package in one form: as it was last written, if nothing changed since; else as `write` writes it.
pub async fn document(
    call: &Call<'_>,
    package: &Coordinates,
    form: &'static str,
    base: String,
    write: impl Fn(&mut ReadTx<'_>, &Repository, &[Link]) -> Result<Vec<u8>, Error> + Send + 'static,
) -> Result<Document, Error> {
    let name = Name { repository: repository(call)?.id, coordinates: package.clone(), form, base };
    let links = along(call, package, |_, _, links| Ok(documents::states(links))).await?;
    if let Some(known) = call.documents.get(&name, &links) {
        return Ok(known);
    }
    let written = along(call, package, move |tx, repository, links| {
        Ok((documents::states(links), write(tx, repository, links)?))
    });
    let (states, body) = written.await?;
    let document = Document::of(body);
    call.documents.put(name, states, document.clone());
    Ok(document)
}

/// An asset of a version; what comes from upstream or outside stays in this repository from then on.
pub async fn asset(call: &Call<'_>, package: &Coordinates, number: &str, name: &str) -> Result<Asset, Error> {
    let asset = found_asset(call, package, number, name).await?;
    downloads::note(call.codeartifact, repository(call)?.id, package, number, call.ctx.now()).await?;
    Ok(asset)
}

async fn found_asset(
    call: &Call<'_>,
    package: &Coordinates,
    number: &str,
    name: &str,
) -> Result<Asset, Error> {
    let own = repository(call)?.clone();
    call.codeartifact.advisories.current().check(package, number)?;
    if let Some(asset) = own_asset(call, &own, package, number, name).await? {
        return Ok(asset);
    }
    let mut seen = look(call, package, number).await?;
    if let Some(found) = &seen.found {
        assets::check_readable(&found.version)?;
    }
    if let Some(wanted) = wanted(call, &seen, package, number, name).await? {
        external::bring(call.codeartifact, wanted).await?.map_err(told)?;
        seen = look(call, package, number).await?;
    }
    let Seen { found, links, trouble } = seen;
    let none = || with_reason(no_such_version(&own, package, number), &links, package);
    let found = found.ok_or_else(|| or_trouble(none(), trouble.clone()))?;
    let asset = assets::of(&found.version, name);
    let asset = asset.map_err(|error| or_trouble(with_reason(error, &links, package), trouble))?.clone();
    let is_elsewhere = links.len() > 1 || found.link > 0;
    if is_elsewhere {
        let (version, name, now) = (found.version, name.to_owned(), Timestamp::now());
        let write = call.codeartifact.store.write(move |tx| chain::retain(tx, &own, &version, &name, now));
        write.await?;
    }
    Ok(asset)
}

/// The asset as the repository itself has it, which is most often so: then nobody else is asked.
async fn own_asset(
    call: &Call<'_>,
    repository: &Repository,
    package: &Coordinates,
    number: &str,
    name: &str,
) -> Result<Option<Asset>, Error> {
    let key = crate::records::Version::key_of(repository.id, package, number);
    let found = call.codeartifact.store.read(move |tx| tx.get::<crate::records::Version>(&key)).await?;
    let Some(version) = found else { return Ok(None) };
    assets::check_readable(&version)?;
    Ok(version.contents.assets.get(name).cloned())
}

/// A version as it is along the chain.
struct Seen {
    found: Option<Found>,
    links: Vec<Link>,
    /// Why an origin was of no help.
    trouble: Option<Trouble>,
}

async fn look(call: &Call<'_>, package: &Coordinates, number: &str) -> Result<Seen, Error> {
    let repository = repository(call)?.clone();
    let trouble = external::refresh(call.codeartifact, &repository, package).await?;
    let (coordinates, number) = (package.clone(), number.to_owned());
    let advisories = call.codeartifact.advisories.current();
    let read = call.codeartifact.store.read(move |tx| {
        let links = chain::of(tx, &advisories, &repository, &coordinates)?;
        Ok::<_, Error>((chain::find(tx, &links, &coordinates, &number)?, links))
    });
    let (found, links) = read.await?;
    Ok(Seen { found, links, trouble })
}

/// What is to be fetched from outside to have an asset, if anything.
async fn wanted(
    call: &Call<'_>,
    seen: &Seen,
    package: &Coordinates,
    number: &str,
    name: &str,
) -> Result<Option<Wanted>, Error> {
    let is_there = |found: &Found| found.version.contents.assets.contains_key(name);
    if seen.found.as_ref().is_some_and(is_there) {
        return Ok(None);
    }
    let of = |link: &Link, connection: &str, remote: RemoteVersion| Wanted {
        repository: link.repository.clone(),
        connection: connection.to_owned(),
        coordinates: package.clone(),
        version: number.to_owned(),
        remote,
        name: name.to_owned(),
    };
    if package.format != Format::Maven {
        let remote = seen.found.as_ref().and_then(|found| found.remote.as_ref());
        let Some((at, remote)) = remote.filter(|(_, remote)| remote.files.contains_key(name)) else {
            return Ok(None);
        };
        let link = seen.links.get(*at);
        return Ok(link.and_then(|link| Some(of(link, link.connection()?, remote.clone()))));
    }
    // Snapshots do not come from outside.
    if maven::base_of_build(number).is_some() {
        return Ok(None);
    }
    // No index of Maven lists files: each is asked for.
    for link in &seen.links {
        let Some(connection) = link.connection().filter(|connection| may_come(seen, connection)) else {
            continue;
        };
        let offered = external::offered(call.codeartifact, connection, package, number, name).await;
        // The metadata knows no times, its files do.
        if let Some(file) = offered.map_err(told)?.filter(|file| !link.holds_back(file.uploaded)) {
            let remote = RemoteVersion {
                published: file.uploaded,
                is_yanked: false,
                native: None,
                files: BTreeMap::from([(name.to_owned(), file)]),
            };
            return Ok(Some(of(link, connection, remote)));
        }
    }
    Ok(None)
}

/// A version that is there is completed only from where it came.
fn may_come(seen: &Seen, connection: &str) -> bool {
    seen.found.as_ref().is_none_or(|found| match &found.version.origin {
        Origin::External { connection: origin } => origin == connection,
        Origin::Internal { .. } => false,
    })
}

/// The repository of a call that was found to be there.
pub fn repository<'a>(call: &'a Call<'_>) -> Result<&'a Repository, Error> {
    call.repository.as_ref().ok_or_else(|| call.no_repository())
}

/// Where nothing is found because an origin control has not let it be looked for, or because it is blocked, that is said.
fn with_reason(error: Error, links: &[Link], package: &Coordinates) -> Error {
    let closed = links.iter().find_map(|link| link.closed.clone());
    let blocked = links.first().and_then(|link| link.advisories.reason(package));
    match (error, blocked.or(closed)) {
        (Error::NotFound { message, resource }, Some(reason)) => {
            let message =
                format!("{}. Not all that there is is shown: {reason}.", message.trim_end_matches('.'));
            Error::NotFound { message, resource }
        }
        (error, _) => error,
    }
}

fn or_trouble(error: Error, trouble: Option<Trouble>) -> Error {
    match (error, trouble) {
        (Error::NotFound { .. }, Some(trouble)) => told(trouble),
        (error, _) => error,
    }
}

fn told(trouble: Trouble) -> Error {
    Error::Origin(trouble.to_string())
}
