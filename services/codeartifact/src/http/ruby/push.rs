//! `gem push`: the archive, as it is.

use std::collections::BTreeMap;

use aws::Timestamp;
use aws::http::{Body, Response};

use super::super::answer::Refusal;
use super::super::{Action, Call, reading};
use super::{asset_name, coordinates, gem, registered};
use crate::content::{self, LARGEST_ASSET, Received};
use crate::error::Error;
use crate::external;
use crate::names::Coordinates;
use crate::packages::publishing::{self, Publication};
use crate::records::{Asset, Gem, Native, Status};

/// Takes a gem. What it is stands in it, so the policies are asked about it when it is there.
pub async fn take(call: Call<'_>, body: Body) -> Result<Response, Refusal> {
    let call = call.acting(Action::Publish);
    if call.is_anonymous {
        return Err(Refusal::unauthenticated("An authorization token is required."));
    }
    call.begins_push().await?;
    let ca = call.codeartifact;
    let received = content::receive(&ca.store, &ca.blobs, body, LARGEST_ASSET).await?;
    let gem = gem::read(&ca.blobs, received.blob).await?;
    let package = coordinates(&gem.name)?;
    let version = gem::full_version(&gem);
    let work = Box::pin(publish(&call, &package, &version, gem, received));
    call.carried_out(Action::Publish, Some(&package), Some(&version), work).await?;
    Ok(registered(&package, &version))
}

async fn publish(
    call: &Call<'_>,
    package: &Coordinates,
    version: &str,
    gem: Gem,
    received: Received,
) -> Result<(), Error> {
    let now = Timestamp::now();
    let publication = Publication {
        coordinates: package.clone(),
        version: version.to_owned(),
        assets: BTreeMap::from([(asset_name(package, version), Asset::of(&received, None, now))]),
        ticket: received.ticket,
        metadata: gem::metadata(&gem),
        native: Some(Native::Ruby(gem)),
        status: Status::Published,
        tags: Vec::new(),
    };
    external::refresh(call.codeartifact, reading::repository(call)?, package).await?;
    let repository = call.address.repository.clone();
    let advisories = call.codeartifact.advisories.current();
    let write = call
        .codeartifact
        .store
        .write(move |tx| publishing::publish(tx, &advisories, &repository, &publication, now));
    write.await?;
    Ok(())
}
