//! Archives: kept in the transaction that takes an event in, shortened by their retention, emptied when they are deleted.

use std::sync::Arc;
use std::time::Duration;

use aws::{Event, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Range, Record, Store, WriteTx};
use uuid::Uuid;

use super::{LEASE, PAUSE, WORKER};
use crate::EventBridge;
use crate::records::{Archive, ArchiveSize, Archived, Position, Replay};

const QUEUE: &str = "eventbridge/deleted-archives";
const EVERY: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// Replays are remembered so long. Source: EventBridge User Guide, "Replaying archived events".
const REPLAYS_KEPT_FOR: Duration = Duration::from_hours(90 * 24);
/// Records that are deleted in one transaction, so that none waits long behind it.
const AT_ONCE: usize = 100;

#[derive(Debug, Serialize, Deserialize)]
struct Emptying {
    archive: Uuid,
}

/// Keeps an event. An archive that was deleted at the same time keeps nothing.
pub(super) fn keep(
    tx: &mut WriteTx<'_>,
    archive: Uuid,
    event: &Event,
    ingested: Timestamp,
    (topic, seq): (&str, u64),
) -> Result<(), store::Error> {
    let Some(size) = tx.get::<ArchiveSize>(&ArchiveSize::key_of(archive))? else { return Ok(()) };
    let mut size = size.into_inner();
    let at = Timestamp::parse_iso8601(&event.time).unwrap_or(ingested);
    let bytes = serde_json::to_vec(event).map_or(0, |text| text.len() as u64);
    let position = Position { at, ingested, topic: topic.to_owned(), seq };
    tx.put(&Archived { archive, position, event: event.clone(), bytes })?;
    size.events += 1;
    size.bytes += bytes;
    tx.put(&size)?;
    Ok(())
}

/// Has the events of a deleted archive deleted, in the transaction that deletes it.
pub(crate) fn empty(tx: &mut WriteTx<'_>, archive: Uuid) -> Result<(), store::Error> {
    tx.enqueue(QUEUE, &archive.to_string(), &Emptying { archive }, None)?;
    Ok(())
}

pub(super) async fn run_emptying(eventbridge: Arc<EventBridge>) {
    loop {
        if let Err(error) = empty_next(&eventbridge.store).await {
            tracing::warn!(%error, "a deleted archive could not be emptied; it is tried again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn empty_next(store: &Store) -> Result<(), store::Error> {
    let claimed = store.claim(QUEUE, WORKER, LEASE).await?;
    let Emptying { archive } = claimed.payload.parse()?;
    loop {
        let held = claimed.clone();
        let write = store.write(move |tx| {
            let page = tx.scan::<Archived>(Archived::of(archive), AT_ONCE)?;
            for archived in &page.records {
                tx.delete::<Archived>(&archived.key())?;
            }
            if page.next.is_none() {
                tx.complete(&held)?;
                return Ok(false);
            }
            tx.heartbeat(&held, LEASE)?;
            Ok::<_, store::Error>(true)
        });
        if !write.await? {
            return Ok(());
        }
    }
}

pub(super) async fn run_retention(eventbridge: Arc<EventBridge>) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = forget(&eventbridge.store, Timestamp::now()).await {
            tracing::warn!(%error, "what archives need not keep could not be deleted; it is tried again");
        }
    }
}

/// Deletes what is older than its archive's retention, and replays that ended long ago.
async fn forget(store: &Store, now: Timestamp) -> Result<(), store::Error> {
    let mut after: Option<Key> = None;
    loop {
        let range = Range::all().after(after);
        let page = store.read(move |tx| tx.scan::<Archive>(range.clone(), AT_ONCE)).await?;
        after = page.next.clone();
        for archive in page.into_records() {
            if archive.retention_days > 0 {
                let cutoff = now.minus(DAY * archive.retention_days);
                while forget_some(store, archive.id, cutoff).await? {}
            }
        }
        if after.is_none() {
            break;
        }
    }
    let mut after: Option<Key> = None;
    loop {
        let range = Range::all().after(after);
        let write = store.write(move |tx| {
            let page = tx.scan::<Replay>(range.clone(), AT_ONCE)?;
            for replay in &page.records {
                if replay.ended.is_some_and(|ended| now.since(ended) > REPLAYS_KEPT_FOR) {
                    tx.delete::<Replay>(&replay.key())?;
                }
            }
            Ok::<_, store::Error>(page.next)
        });
        after = write.await?;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Answers whether there may be more.
async fn forget_some(store: &Store, archive: Uuid, cutoff: Timestamp) -> Result<bool, store::Error> {
    let write = store.write(move |tx| {
        let all = Archived::of(archive);
        let range = Range::between(all.clone(), all.and_i64(cutoff.as_millis()));
        let page = tx.scan_index::<Archived>(Archived::AGE, range, AT_ONCE)?;
        if let Some(size) = tx.get::<ArchiveSize>(&ArchiveSize::key_of(archive))? {
            let mut size = size.into_inner();
            size.events = size.events.saturating_sub(page.records.len() as u64);
            size.bytes = size.bytes.saturating_sub(page.records.iter().map(|archived| archived.bytes).sum());
            tx.put(&size)?;
        }
        for archived in &page.records {
            tx.delete::<Archived>(&archived.key())?;
        }
        Ok(page.next.is_some())
    });
    write.await
}

#[cfg(test)]
mod tests {
    use aws::Scope;
    use serde_json::json;

    use super::*;
    use crate::records::{DEFAULT_BUS, ReplayStatus};

    fn archive(scope: &Scope, name: &str, retention_days: u32) -> Archive {
        Archive {
            id: Uuid::new_v4(),
            scope: scope.clone(),
            name: name.into(),
            bus: DEFAULT_BUS.into(),
            description: None,
            pattern: None,
            retention_days,
            created: Timestamp::default(),
        }
    }

    #[tokio::test]
    async fn events_and_replays_are_kept_for_their_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(store::Config::Sqlite { dir: folder.path().to_owned() }).await.unwrap();
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let (days, forever) = (archive(&scope, "days", 3), archive(&scope, "forever", 0));
        let now = Timestamp::now();
        let ages = [1, 2, 4, 5, 400];
        let (of, archives) = (scope.clone(), [days.clone(), forever.clone()]);
        let write = store.write(move |tx| {
            for archive in &archives {
                tx.put(archive)?;
                tx.put(&ArchiveSize { archive: archive.id, events: 0, bytes: 0 })?;
                for (seq, age) in ages.iter().enumerate() {
                    // What counts is when it came in, not what time it says.
                    let event = Event::new(&of, "s", "t", Timestamp::default(), vec![], json!({}));
                    let ingested = now.minus(DAY * *age);
                    keep(tx, archive.id, &event, ingested, ("topic", seq as u64))?;
                }
            }
            for age in [1, 89, 91] {
                tx.put(&Replay {
                    id: Uuid::new_v4(),
                    scope: of.clone(),
                    name: age.to_string(),
                    description: None,
                    archive: archives[0].id,
                    archive_arn: archives[0].arn(),
                    bus: DEFAULT_BUS.into(),
                    rules: vec![],
                    from: now,
                    to: now,
                    state: ReplayStatus::Completed,
                    reason: None,
                    last: None,
                    started: now,
                    ended: Some(now.minus(DAY * age)),
                })?;
            }
            Ok::<_, store::Error>(())
        });
        write.await.unwrap();
        forget(&store, now).await.unwrap();
        let (short, long) = (days.id, forever.id);
        let read = store.read(move |tx| {
            let mut left = Vec::new();
            for archive in [short, long] {
                let size = tx.get::<ArchiveSize>(&ArchiveSize::key_of(archive))?.unwrap().into_inner();
                let events = tx.scan::<Archived>(Archived::of(archive), 99)?.into_records();
                assert_eq!(size.bytes, events.iter().map(|event| event.bytes).sum::<u64>());
                left.push((size.events, events.len()));
            }
            Ok::<_, store::Error>((left, tx.count::<Replay>(Range::all())?))
        });
        assert_eq!(read.await.unwrap(), (vec![(2, 2), (5, 5)], 2));
    }
}
