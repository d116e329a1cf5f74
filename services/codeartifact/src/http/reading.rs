//! Reading a package along the chain of its repository, and outside.

use aws::Timestamp;
use store::ReadTx;

use super::Call;
use super::documents::{self, Document, Name};
use crate::error::Error;
use crate::external::{self, Trouble, Wanted};
use crate::names::Coordinates;
use crate::packages::chain::{self, Found, Link};
use crate::packages::{assets, downloads, no_such_version};
use crate::records::{Asset, Repository};

/// Answers what `work` finds along the chain of a package, after what is known of it outside was brought up to date.
/// Where nothing is found because an origin was of no help, that is said.
pub async fn along<T: Send + 'static>(
    call: &Call<'_>,
    package: &Coordinates,
    work: impl Fn(&mut ReadTx<'_>, &Repository, &[Link]) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let repository = repository(call)?.clone();
    let trouble = external::refresh(call.codeartifact, &repository, package).await?;
    let coordinates = package.clone();
    let read = call.codeartifact.store.read(move |tx| {
        let links = chain::of(tx, &repository, &coordinates)?;
        work(tx, &repository, &links).map_err(|error| with_reason(error, &links))
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
    downloads::note(call.codeartifact, repository(call)?, package, number, call.ctx.now()).await?;
    Ok(asset)
}

async fn found_asset(
    call: &Call<'_>,
    package: &Coordinates,
    number: &str,
    name: &str,
) -> Result<Asset, Error> {
    let own = repository(call)?.clone();
    if let Some(asset) = own_asset(call, &own, package, number, name).await? {
        return Ok(asset);
    }
    let (mut found, mut links) = find(call, package, number).await?;
    assets::check_readable(&found.version)?;
    if let Some((at, remote)) = &found.remote
        && !found.version.contents.assets.contains_key(name)
        && remote.files.contains_key(name)
        && let Some(link) = links.get(*at)
        && let Some(connection) = link.connection()
    {
        let wanted = Wanted {
            repository: link.repository.clone(),
            connection: connection.to_owned(),
            coordinates: package.clone(),
            version: number.to_owned(),
            remote: remote.clone(),
            name: name.to_owned(),
        };
        external::bring(call.codeartifact, wanted).await?.map_err(told)?;
        (found, links) = find(call, package, number).await?;
    }
    let asset = assets::of(&found.version, name)?.clone();
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

async fn find(call: &Call<'_>, package: &Coordinates, number: &str) -> Result<(Found, Vec<Link>), Error> {
    let (coordinates, number) = (package.clone(), number.to_owned());
    along(call, package, move |tx, repository, links| {
        let found = chain::find(tx, links, &coordinates, &number)?;
        let found = found.ok_or_else(|| no_such_version(repository, &coordinates, &number))?;
        Ok((found, links.to_vec()))
    })
    .await
}

/// The repository of a call that was found to be there.
pub fn repository<'a>(call: &'a Call<'_>) -> Result<&'a Repository, Error> {
    call.repository.as_ref().ok_or_else(|| call.no_repository())
}

/// Where nothing is found because an origin control has not let it be looked for, that is said.
fn with_reason(error: Error, links: &[Link]) -> Error {
    let reason = links.iter().find_map(|link| link.closed.as_ref());
    match (error, reason) {
        (Error::NotFound { message, resource }, Some(reason)) => {
            let message =
                format!("{}. Not all places were looked at: {reason}.", message.trim_end_matches('.'));
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
