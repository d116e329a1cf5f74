//! When versions were last downloaded.

use aws::Timestamp;
use store::Record;
use uuid::Uuid;

use crate::CodeArtifact;
use crate::error::Error;
use crate::names::Coordinates;
use crate::records::{Download, Version};
use crate::settings::DAY;

/// Notes that a version was downloaded from a repository that has it: once a day, so that reading is no writing.
pub async fn note(
    ca: &CodeArtifact,
    repository: Uuid,
    coordinates: &Coordinates,
    version: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let download =
        Download { repository, coordinates: coordinates.clone(), version: version.to_owned(), last: now };
    let key = download.key();
    let known = ca.store.read(move |tx| tx.get::<Download>(&key)).await?;
    if known.is_some_and(|known| now.since(known.last) < DAY) {
        return Ok(());
    }
    let write = ca.store.write(move |tx| {
        // One that is gone meanwhile leaves nothing behind.
        if tx.exists::<Version>(&download.key())? {
            tx.put(&download)?;
        }
        Ok::<_, Error>(())
    });
    write.await
}
