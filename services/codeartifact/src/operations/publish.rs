use std::collections::BTreeMap;

use aws::Ctx;
use codeartifact_model::{PublishPackageVersion, PublishPackageVersionOutput};

use crate::CodeArtifact;
use crate::content::{self, LARGEST_ASSET, Received};
use crate::error::Error;
use crate::names::{Coordinates, Format, LONGEST_NAMES, RepositoryName};
use crate::packages::find_repository;
use crate::packages::publishing::{self, Publication};
use crate::records::{Asset, Metadata, Package, Status};
use crate::{shapes, versions};

/// What may stand in the name of an asset beside letters and digits. Source: CodeArtifact User Guide, "Generic packages
/// overview".
const MARKS: &str = "~!@^&()-_+[]{};,.";

/// Publishes one asset of a version; more may follow while the version is unfinished.
/// Errors: `NotFound`, `Conflict`, `QuotaExceeded`, `AccessDenied` by the package's origin configuration, `Validation`.
/// Source: CodeArtifact API Reference, PublishPackageVersion.
pub(super) async fn publish_package_version(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: PublishPackageVersion,
) -> Result<PublishPackageVersionOutput, Error> {
    let coordinates = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package)?;
    if coordinates.format != Format::Generic {
        let message = format!(
            "Packages of format {} are published with its package manager; this operation is for format generic.",
            coordinates.format.as_str()
        );
        return Err(Error::field(message));
    }
    check_asset_name(&input.asset_name)?;
    let version = versions::normal(coordinates.format, &input.package_version)?;
    check_version(&version)?;
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    check_open(ca, &name, &coordinates).await?;
    let received = receive(ca, ctx, &input).await?;
    let now = ctx.now();
    let asset = Asset::of(&received, None, now);
    let publication = Publication {
        coordinates,
        version,
        assets: BTreeMap::from([(input.asset_name.clone(), asset.clone())]),
        ticket: received.ticket,
        metadata: Metadata::default(),
        native: None,
        status: if input.unfinished == Some(true) { Status::Unfinished } else { Status::Published },
        tags: Vec::new(),
    };
    let advisories = ca.advisories.current();
    let published =
        ca.store.write(move |tx| publishing::publish(tx, &advisories, &name, &publication, now)).await?;
    Ok(PublishPackageVersionOutput {
        format: shapes::format(&published.coordinates),
        namespace: published.coordinates.namespace(),
        package: Some(published.coordinates.name.clone()),
        version: Some(published.version.clone()),
        version_revision: Some(published.revision.clone()),
        status: Some(shapes::status(published.status)),
        asset: Some(shapes::asset(&input.asset_name, &asset)),
    })
}

/// What would be refused whatever is sent is refused before it is sent.
async fn check_open(
    ca: &CodeArtifact,
    name: &RepositoryName,
    coordinates: &Coordinates,
) -> Result<(), Error> {
    let (name, coordinates) = (name.clone(), coordinates.clone());
    let read = ca.store.read(move |tx| {
        let repository = find_repository(tx, &name)?;
        match tx.get::<Package>(&Package::key_of(repository.id, &coordinates))? {
            Some(package) => publishing::check_origin(&package),
            None => Ok(()),
        }
    });
    read.await
}

async fn receive(ca: &CodeArtifact, ctx: &Ctx, input: &PublishPackageVersion) -> Result<Received, Error> {
    let received = match ctx.streams.take_incoming() {
        Some(body) => content::receive(&ca.store, &ca.blobs, body, LARGEST_ASSET).await?,
        None => content::receive_bytes(&ca.store, &ca.blobs, input.asset_content.0.clone()).await?,
    };
    let found = received.blob.to_string();
    if found != input.asset_sha256 {
        let message = format!(
            "The SHA-256 of the asset is {found}, which is not what the request says: {}.",
            input.asset_sha256
        );
        return Err(Error::field(message));
    }
    Ok(received)
}

/// Errors: `Validation`.
fn check_asset_name(name: &str) -> Result<(), Error> {
    let fits = |letter: char| letter.is_alphanumeric() || letter == ' ' || MARKS.contains(letter);
    let spaced = name.starts_with(' ') || name.ends_with(' ') || name.contains("  ");
    if name.chars().all(fits) && !spaced && !matches!(name, "." | "..") {
        return Ok(());
    }
    let message = format!(
        "Invalid asset name: it may have letters, digits, single spaces inside, and {MARKS}, and cannot be . or .."
    );
    Err(Error::field(message))
}

/// Errors: `Validation`.
fn check_version(version: &str) -> Result<(), Error> {
    if version.len() > LONGEST_NAMES / 4 + 255 {
        return Err(Error::field("The version is too long."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_assets_cannot_lead_elsewhere() {
        for name in ["a.tar.gz", "Ünïcode 1", "a (1)[2]{3}.bin"] {
            assert!(check_asset_name(name).is_ok(), "{name}");
        }
        for name in [".", "..", "a/b", "a\\b", " a", "a ", "a  b", "a\tb", "a:b", "a%2fb"] {
            assert!(check_asset_name(name).is_err(), "{name}");
        }
    }
}
