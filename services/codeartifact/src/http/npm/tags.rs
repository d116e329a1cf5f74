//! Names for versions.

use std::collections::BTreeMap;

use aws::http::{Body, Response};
use http::{StatusCode, header};

use super::super::answer::{self, Refusal};
use super::super::documents::Document;
use super::super::reading::{self, repository};
use super::super::{Action, Call, read_body};
use super::{JSON, done, no_such_package, own, packument};
use crate::error::Error;
use crate::names::Coordinates;
use crate::packages::{chain, listing, no_such_version};
use crate::records::Version;

const LONGEST_TAG: usize = 128;
const LONGEST_BODY: usize = 1024;
/// Of one package.
const MOST_TAGS: usize = 1_000;

pub async fn list(call: &Call<'_>, package: &Coordinates) -> Result<Response, Refusal> {
    let coordinates = package.clone();
    let work = Box::pin(reading::along(call, package, move |tx, repository, links| {
        let versions = chain::versions(tx, links, &coordinates)?;
        if versions.is_empty() {
            return Err(no_such_package(repository, &coordinates));
        }
        Ok(packument::tags(links, &versions))
    }));
    let tags: BTreeMap<String, String> = call.carried_out(Action::Read, Some(package), None, work).await?;
    let written = serde_json::to_vec(&tags).unwrap_or_default();
    Ok(answer::document(JSON, Document::of(written), call.header(header::IF_NONE_MATCH)))
}

/// The version must be in this repository.
pub async fn put(call: Call<'_>, package: &Coordinates, tag: &str, body: Body) -> Result<Response, Refusal> {
    let body = read_body(body, LONGEST_BODY).await?;
    let version: String = serde_json::from_slice(&body)
        .map_err(|_| Refusal::bad("The body must be the version, as a text of JSON."))?;
    let work = Box::pin(async {
        check(tag)?;
        let (repository, coordinates) = (repository(&call)?.clone(), package.clone());
        let (tag, version) = (tag.to_owned(), version.clone());
        let write = call.codeartifact.store.write(move |tx| {
            let links = own(tx, &repository, &coordinates)?;
            let Some(mut package) = links.into_iter().next().and_then(|link| link.package) else {
                return Ok(());
            };
            if !tx.exists::<Version>(&Version::key_of(repository.id, &coordinates, &version))? {
                return Err(no_such_version(&repository, &coordinates, &version));
            }
            package.tags.insert(tag.clone(), version.clone());
            if package.tags.len() > MOST_TAGS {
                return Err(Error::field(format!("A package may have {MOST_TAGS} tags at most.")));
            }
            tx.put(&package)?;
            listing::renew(tx, &package)
        });
        write.await
    });
    call.carried_out(Action::PutMetadata, Some(package), Some(&version), work).await?;
    Ok(done(StatusCode::OK))
}

/// `latest` stays.
pub async fn delete(call: Call<'_>, package: &Coordinates, tag: &str) -> Result<Response, Refusal> {
    let work = Box::pin(async {
        if tag == "latest" {
            return Err(Error::field("The tag latest cannot be deleted: let it name another version."));
        }
        let (repository, coordinates, tag) = (repository(&call)?.clone(), package.clone(), tag.to_owned());
        let write = call.codeartifact.store.write(move |tx| {
            let links = own(tx, &repository, &coordinates)?;
            let Some(mut package) = links.into_iter().next().and_then(|link| link.package) else {
                return Ok(());
            };
            if package.tags.remove(&tag).is_none() {
                let message = format!("Package {} has no tag {tag} in this repository.", coordinates.shown());
                return Err(Error::not_found(coordinates.resource(), message));
            }
            tx.put(&package)?;
            listing::renew(tx, &package)
        });
        write.await
    });
    call.carried_out(Action::PutMetadata, Some(package), None, work).await?;
    Ok(done(StatusCode::OK))
}

/// What reads like a version or a range of them would hide those. Errors: `Validation`.
pub fn check(tag: &str) -> Result<(), Error> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let is_range =
        semver::VersionReq::parse(tag).is_ok() || tag.trim_start_matches('v').parse::<u64>().is_ok();
    if tag.is_empty() || tag.len() > LONGEST_TAG || !tag.chars().all(fits) || is_range {
        let message =
            format!("{tag:?} cannot be a tag: it must be letters, digits, - _ . and no range of versions.");
        return Err(Error::field(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_no_versions() {
        for tag in ["latest", "next-11", "beta.2"] {
            assert!(check(tag).is_ok(), "{tag}");
        }
        for tag in ["", "1", "v1", "1.0.0", "^1", "1.x", "a/b", "a b", "x"] {
            assert!(check(tag).is_err(), "{tag}");
        }
    }
}
