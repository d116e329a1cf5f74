//! Bringing the events of trails to their buckets and log groups.
//!
//! What a trail has to deliver is stored with the records of the calls. A log file is first planned, which fixes its name
//! and its content, then put, then noted as delivered in the transaction that takes its events off the backlog; a digest
//! likewise. So a crash at any point repeats an object under the same key with the same bytes, and loses nothing.
//!
//! A trail that delivers has one entry in a queue, which is due when its next file or digest is. A trail that was stopped
//! or deleted is delivered to the end first.

mod digests;
mod files;
mod log_group;
pub(crate) mod notices;

use std::sync::Arc;
use std::time::Duration;

use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Claimed, Key, Range, ReadTx, Record, Store, WriteTx};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::CloudTrail;
use crate::records::{
    Closing, Course, DeliveredFile, DigestChain, Notices, PlannedFile, Progress, Trail, Undelivered, Way,
};

pub(crate) use digests::begin as begin_digests;

const QUEUE: &str = "cloudtrail/trails";
const WORKER: &str = "cloudtrail";
/// Trails that are delivered at one time.
const WORKERS: usize = 2;
/// How long a crash delays what was under way.
const LEASE: Duration = Duration::from_secs(20);
/// Before a loop that met an error goes on.
const PAUSE: Duration = Duration::from_secs(1);
/// Before a refused delivery is tried again, at most.
const RETRY: Duration = Duration::from_secs(60);
/// From the end of logging to the last delivery: records of reads are written within a second.
const DRAINING: Duration = Duration::from_secs(2);
/// What a bucket refuses for so long is given up. Source: CloudTrail User Guide, "Delivery retries".
const KEPT_FOR: Duration = Duration::from_hours(30 * 24);
/// A deleted trail whose bucket refuses is given up sooner.
const CLOSING_FOR: Duration = Duration::from_hours(1);
/// Records that are deleted in one transaction.
const AT_ONCE: usize = 100;

/// How often files and digests are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    pub files: Duration,
    pub digests: Duration,
}

impl Default for Intervals {
    /// As on AWS.
    fn default() -> Self {
        Self { files: Duration::from_secs(5 * 60), digests: Duration::from_secs(60 * 60) }
    }
}

/// Why a delivery did not come about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The code of what S3, STS or CloudWatch Logs answered.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Inside(crate::Error),
}

#[derive(Debug, Serialize, Deserialize)]
struct Job {
    trail: Uuid,
}

/// Has a trail delivered after a time, whatever was planned before.
pub(crate) fn schedule(
    tx: &mut WriteTx<'_>,
    trail: Uuid,
    now: Timestamp,
    after: Duration,
) -> Result<(), store::Error> {
    tx.dequeue(QUEUE, &trail.to_string())?;
    let due = now.plus(after).as_millis();
    tx.enqueue(QUEUE, &trail.to_string(), &Job { trail }, Some(due))?;
    Ok(())
}

/// The time of the last delivery of a trail whose logging ends now.
pub(crate) fn schedule_last(tx: &mut WriteTx<'_>, trail: Uuid, now: Timestamp) -> Result<(), store::Error> {
    schedule(tx, trail, now, DRAINING)
}

/// Delivers until the future is dropped.
pub(crate) async fn run(cloudtrail: Arc<CloudTrail>) {
    let mut loops = JoinSet::new();
    for _ in 0..WORKERS {
        loops.spawn(work(cloudtrail.clone()));
    }
    loops.spawn(async move { notices::work(&cloudtrail).await });
    // The loops never end by themselves; one that panicked must not go unnoticed.
    while let Some(ended) = loops.join_next().await {
        tracing::error!(?ended, "a loop of the delivery of trails ended");
    }
}

async fn work(cloudtrail: Arc<CloudTrail>) {
    loop {
        match cloudtrail.store.claim(QUEUE, WORKER, LEASE).await {
            Ok(claimed) => {
                if let Err(error) = carry_out(&cloudtrail, &claimed).await {
                    tracing::warn!(trail = claimed.id, %error, "a trail's delivery stops; it is taken up again");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "no trails can be claimed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// A trail, and since when it is deleted.
struct Found {
    trail: Trail,
    closing: Option<Timestamp>,
}

async fn find(store: &Store, id: Uuid) -> Result<Option<(Found, Progress)>, store::Error> {
    let read =
        store.read(move |tx| {
            let trail = tx.scan_index::<Trail>(Trail::ID, Trail::with_id(id), 1)?.into_records().pop();
            let found = match trail {
                Some(trail) => Some(Found { trail, closing: None }),
                None => tx.get::<Closing>(&Closing::key_of(id))?.map(|closing| {
                    let Closing { trail, since } = closing.into_inner();
                    Found { trail, closing: Some(since) }
                }),
            };
            let progress = tx.get::<Progress>(&Progress::key_of(id))?.map(store::Versioned::into_inner);
            Ok::<_, store::Error>(found.map(|found| {
                (found, progress.unwrap_or_else(|| Progress { trail: id, ..Progress::default() }))
            }))
        });
    read.await
}

async fn carry_out(cloudtrail: &CloudTrail, claimed: &Claimed) -> Result<(), Failure> {
    let Job { trail: id } = claimed.payload.parse()?;
    let Some((Found { trail, closing }, mut progress)) = find(&cloudtrail.store, id).await? else {
        return forget(&cloudtrail.store, id, claimed).await;
    };
    let (now, intervals) = (Timestamp::now(), cloudtrail.intervals);
    let ends = closing.is_some() || !trail.logging;
    let mut refused = false;
    if ends || now >= progress.next_files {
        let delivered = files::deliver(cloudtrail, &trail, claimed).await;
        refused |= note(cloudtrail, &trail, Way::Bucket, delivered, &mut progress.files).await?;
        let delivered = log_group::deliver(cloudtrail, &trail, claimed).await;
        refused |= note(cloudtrail, &trail, Way::LogGroup, delivered, &mut progress.log_group).await?;
        progress.next_files = now.plus(intervals.files);
    }
    if !trail.validates {
        progress.next_digest = progress.next_files;
        delete_all::<DigestChain>(&cloudtrail.store, DigestChain::of_trail(id)).await?;
        delete_all::<DeliveredFile>(&cloudtrail.store, DeliveredFile::of_trail(id)).await?;
    } else if (ends && !refused) || now >= progress.next_digest {
        let delivered = digests::deliver(cloudtrail, &trail, claimed).await;
        refused |= outcome(delivered, &trail, &mut progress.digests)?;
        progress.next_digest = now.plus(intervals.digests);
    }
    if refused {
        let soon = now.plus(RETRY.min(intervals.files));
        progress.next_files = soon;
        progress.next_digest = progress.next_digest.min(soon);
    }
    let given_up = closing.is_some_and(|since| Timestamp::now().since(since) > CLOSING_FOR);
    let idle = cloudtrail.store.read(move |tx| is_idle(tx, id)).await?;
    if closing.is_some() && (idle || given_up) {
        if !idle {
            tracing::warn!(trail = trail.arn(), "a deleted trail's last events could not be delivered");
        }
        let write = cloudtrail.store.write(move |tx| tx.delete::<Closing>(&Closing::key_of(id)));
        write.await?;
        return forget(&cloudtrail.store, id, claimed).await;
    }
    settle(cloudtrail, claimed, progress, refused).await
}

/// Notes how it went, and when to come again. A trail that was started or stopped meanwhile is another worker's: then only
/// how it went is noted.
async fn settle(
    cloudtrail: &CloudTrail,
    claimed: &Claimed,
    progress: Progress,
    refused: bool,
) -> Result<(), Failure> {
    let claimed = claimed.clone();
    let write = cloudtrail.store.write(move |tx| {
        let id = progress.trail;
        let known = tx.get::<Progress>(&Progress::key_of(id))?.map(store::Versioned::into_inner);
        let found = tx.scan_index::<Trail>(Trail::ID, Trail::with_id(id), 1)?.into_records().pop();
        // A deleted one is closed by the next round.
        let stopped = found.filter(|trail| !trail.logging && !refused);
        let is_over = stopped.is_some() && is_idle(tx, id)?;
        let due = progress.next_files.min(progress.next_digest);
        let left = match (is_over, &stopped) {
            (true, _) => tx.complete(&claimed),
            // Another worker left something at the last moment.
            (false, Some(_)) => tx.release(&claimed, PAUSE),
            (false, None) => tx.release(&claimed, due.since(Timestamp::now())),
        };
        let ended = stopped.filter(|_| is_over);
        match (left, ended, known) {
            (Ok(()), ended, _) => {
                if let Some(mut trail) = ended {
                    trail.draining = false;
                    tx.put(&trail)?;
                }
                tx.put(&progress)?;
            }
            (Err(store::Error::LeaseLost { .. }), _, Some(known)) => {
                let Progress { next_files, next_digest, .. } = known;
                tx.put(&Progress { next_files, next_digest, ..progress.clone() })?;
            }
            (Err(store::Error::LeaseLost { .. }), _, None) => {}
            (Err(error), _, _) => return Err(error),
        }
        Ok(())
    });
    Ok(write.await?)
}

/// Whether a trail has delivered all that it had, with a digest that names it.
fn is_idle(tx: &mut ReadTx<'_>, trail: Uuid) -> Result<bool, store::Error> {
    let waits = !tx.scan::<Undelivered>(Undelivered::of_trail(trail), 1)?.records.is_empty();
    let unnamed = !tx.scan::<DeliveredFile>(DeliveredFile::of_trail(trail), 1)?.records.is_empty();
    Ok(!waits && !unnamed)
}

/// Keeps a claim. Answers whether it is still held: a trail that was started or stopped meanwhile is another worker's.
async fn holds(cloudtrail: &CloudTrail, claimed: &Claimed) -> Result<bool, store::Error> {
    match cloudtrail.store.heartbeat(claimed, LEASE).await {
        Ok(()) => Ok(true),
        Err(store::Error::LeaseLost { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Keeps the outcome for GetTrailStatus. Answers whether it was refused.
fn outcome(delivered: Result<bool, Failure>, trail: &Trail, course: &mut Course) -> Result<bool, Failure> {
    let now = Timestamp::now();
    match delivered {
        Ok(true) => *course = Course { attempted: Some(now), succeeded: Some(now), error: None },
        Ok(false) => {}
        Err(Failure::Refused(code)) => {
            tracing::warn!(trail = trail.arn(), code, "a trail's delivery was refused; it is tried again");
            course.attempted = Some(now);
            course.error = Some(code);
            return Ok(true);
        }
        Err(other) => return Err(other),
    }
    Ok(false)
}

/// As [`outcome`]; of a refused way, events that have waited for too long are given up.
async fn note(
    cloudtrail: &CloudTrail,
    trail: &Trail,
    way: Way,
    delivered: Result<bool, Failure>,
    course: &mut Course,
) -> Result<bool, Failure> {
    let refused = outcome(delivered, trail, course)?;
    if refused {
        give_up_old(&cloudtrail.store, trail.id, way).await?;
    }
    Ok(refused)
}

async fn give_up_old(store: &Store, trail: Uuid, way: Way) -> Result<(), store::Error> {
    let cutoff = Timestamp::now().minus(KEPT_FOR);
    let read = store.read(move |tx| tx.scan::<Undelivered>(Undelivered::on_way(trail, way), AT_ONCE));
    let old: Vec<Key> = read
        .await?
        .into_records()
        .iter()
        .filter(|undelivered| undelivered.at < cutoff)
        .map(Record::key)
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    tracing::warn!(%trail, count = old.len(), "events that could not be delivered for 30 days are given up");
    let write = store.write(move |tx| {
        // Its content is no longer whole.
        tx.delete::<PlannedFile>(&PlannedFile::key_of(trail))?;
        for key in &old {
            tx.delete::<Undelivered>(key)?;
        }
        Ok(())
    });
    write.await
}

/// Deletes what is left of a trail that is gone.
async fn forget(store: &Store, trail: Uuid, claimed: &Claimed) -> Result<(), Failure> {
    delete_all::<Undelivered>(store, Undelivered::of_trail(trail)).await?;
    delete_all::<PlannedFile>(store, PlannedFile::key_of(trail)).await?;
    delete_all::<DeliveredFile>(store, DeliveredFile::of_trail(trail)).await?;
    delete_all::<DigestChain>(store, DigestChain::of_trail(trail)).await?;
    delete_all::<Progress>(store, Progress::key_of(trail)).await?;
    delete_all::<Notices>(store, Notices::key_of(trail)).await?;
    let claimed = claimed.clone();
    Ok(store.write(move |tx| tx.complete(&claimed)).await?)
}

async fn delete_all<R: Record>(store: &Store, prefix: Key) -> Result<(), store::Error> {
    loop {
        let range = Range::prefix(prefix.clone());
        let read = store.read(move |tx| tx.scan::<R>(range.clone(), AT_ONCE));
        let keys: Vec<Key> = read.await?.into_records().iter().map(Record::key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let write = store.write(move |tx| {
            for key in &keys {
                tx.delete::<R>(key)?;
            }
            Ok::<_, store::Error>(())
        });
        write.await?;
    }
}
