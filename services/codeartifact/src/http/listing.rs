//! Taking versions out of the lists that clients see, and putting them back: what package managers call yank, unlist or
//! delete. Nothing is lost by it.

use aws::Timestamp;

use super::answer::Refusal;
use super::{Action, Call, reading};
use crate::error::Error;
use crate::names::Coordinates;
use crate::packages::changes::transition;
use crate::packages::{find_package, find_version, writing};
use crate::records::Status;

/// `status` is `Published` or `Unlisted`. Errors: 404; 409 for a version that only the API can bring back.
pub async fn become_status(
    call: &Call<'_>,
    package: &Coordinates,
    number: &str,
    status: Status,
) -> Result<(), Refusal> {
    let work = Box::pin(async {
        let (repository, coordinates, number) =
            (reading::repository(call)?.clone(), package.clone(), number.to_owned());
        let now = Timestamp::now();
        let write = call.codeartifact.store.write(move |tx| {
            let mut package = find_package(tx, &repository, &coordinates)?;
            let before = find_version(tx, &repository, &coordinates, &number)?;
            if let Err(refused) = transition(before.status, status) {
                let why = refused.told().error_message.unwrap_or_default();
                return Err(Error::conflict(coordinates.resource(), why));
            }
            if before.status == Status::Archived {
                let why =
                    format!("Version {number} is archived: only UpdatePackageVersionsStatus brings it back.");
                return Err(Error::conflict(coordinates.resource(), why));
            }
            let mut after = before.clone();
            after.status = status;
            writing::save(tx, &repository, &mut package, Some(&before), &mut after, None, now)
        });
        write.await
    });
    call.carried_out(Action::PutMetadata, Some(package), Some(number), work).await
}
