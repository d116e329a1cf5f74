//! Records are kept for 90 days. Source: CloudTrail User Guide, "Working with CloudTrail event history".

use std::sync::Weak;
use std::time::Duration;

use aws::Timestamp;
use store::{Record, Store};

use crate::CloudTrail;
use crate::records::{Entry, Segment, before};

/// How long records are kept.
pub const KEPT_FOR: Duration = Duration::from_hours(90 * 24);
const EVERY: Duration = Duration::from_hours(1);
/// Records that are deleted in one transaction: few, so that no call waits long behind it.
const AT_ONCE: usize = 100;

/// Starts the task that forgets old records. It ends with the service.
pub fn start(state: Weak<CloudTrail>) {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            let Some(store) = state.upgrade().map(|state| state.store.clone()) else { return };
            match forget(&store, Timestamp::now().minus(KEPT_FOR)).await {
                Ok(()) => {}
                Err(store::Error::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "Old audit records could not be deleted; it is tried again.");
                }
            }
        }
    });
}

/// Deletes what ended before `cutoff`.
pub async fn forget(store: &Store, cutoff: Timestamp) -> Result<(), store::Error> {
    while forget_some::<Entry>(store, cutoff).await? {}
    while forget_some::<Segment>(store, cutoff).await? {}
    Ok(())
}

/// Answers whether there may be more.
async fn forget_some<R: Record>(store: &Store, cutoff: Timestamp) -> Result<bool, store::Error> {
    store
        .write(move |tx| {
            let page = tx.scan::<R>(before(cutoff), AT_ONCE)?;
            let more = page.next.is_some();
            for record in page.into_records() {
                tx.delete::<R>(&record.key())?;
            }
            Ok(more)
        })
        .await
}
