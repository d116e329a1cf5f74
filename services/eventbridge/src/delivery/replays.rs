//! Replays: an archive's events put on their bus once more, in the order of their time, with the replay's name.
//!
//! Each step publishes some events and moves the replay on in one transaction, so that a crash repeats none and leaves
//! none out. Steps are spaced: live events wait in the same line.

use std::sync::Arc;
use std::time::Duration;

use aws::{Event, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Claimed, Range, WriteTx};
use uuid::Uuid;

use super::{Incoming, LEASE, PAUSE, WORKER};
use crate::EventBridge;
use crate::records::{ArchiveSize, Archived, Bus, Replay, ReplayStatus};

const QUEUE: &str = "eventbridge/replays";
/// Replays that go on at one time.
const WORKERS: usize = 2;
/// Events of one step, and the pause after it: a thousand events a second.
const STEP: usize = 100;
const SPACED: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    scope: Scope,
    name: String,
    replay: Uuid,
}

/// Queues a replay, in the transaction that makes it.
pub(crate) fn enqueue(tx: &mut WriteTx<'_>, replay: &Replay) -> Result<(), store::Error> {
    let job = Job { scope: replay.scope.clone(), name: replay.name.clone(), replay: replay.id };
    tx.enqueue(QUEUE, &replay.id.to_string(), &job, None)?;
    Ok(())
}

pub(super) fn spawn(loops: &mut tokio::task::JoinSet<()>, eventbridge: &Arc<EventBridge>) {
    for _ in 0..WORKERS {
        loops.spawn(run(eventbridge.clone()));
    }
}

async fn run(eventbridge: Arc<EventBridge>) {
    loop {
        if let Err(error) = next(&eventbridge).await {
            tracing::warn!(%error, "a replay stops; it is taken up again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn next(eventbridge: &EventBridge) -> Result<(), store::Error> {
    let claimed = eventbridge.store.claim(QUEUE, WORKER, LEASE).await?;
    let job: Job = claimed.payload.parse()?;
    loop {
        let (job, claimed, now) = (job.clone(), claimed.clone(), Timestamp::now());
        if !eventbridge.store.write(move |tx| step(tx, &job, &claimed, now)).await? {
            return Ok(());
        }
        tokio::time::sleep(SPACED).await;
    }
}

/// Answers whether it goes on.
fn step(tx: &mut WriteTx<'_>, job: &Job, claimed: &Claimed, now: Timestamp) -> Result<bool, store::Error> {
    let found = tx.get::<Replay>(&Replay::key_of(&job.scope, &job.name))?.map(store::Versioned::into_inner);
    let Some(mut replay) = found.filter(|replay| replay.id == job.replay) else {
        tx.complete(claimed)?;
        return Ok(false);
    };
    let missing = if tx.exists::<ArchiveSize>(&ArchiveSize::key_of(replay.archive))? {
        let bus = Bus::find(tx, &replay.scope, &replay.bus)?;
        bus.is_none().then(|| format!("Event bus {} does not exist.", replay.bus))
    } else {
        let name = replay.archive_arn.rsplit('/').next().unwrap_or_default();
        Some(format!("Archive {name} does not exist."))
    };
    let end = match (replay.state, missing) {
        (ReplayStatus::Cancelling, _) => Some((ReplayStatus::Cancelled, None)),
        (_, Some(reason)) => Some((ReplayStatus::Failed, Some(reason))),
        _ if publish_some(tx, &mut replay, now)? => None,
        _ => Some((ReplayStatus::Completed, None)),
    };
    match &end {
        Some((state, reason)) => {
            replay.state = *state;
            replay.reason.clone_from(reason);
            replay.ended = Some(now);
            tx.complete(claimed)?;
        }
        None => {
            replay.state = ReplayStatus::Running;
            tx.heartbeat(claimed, LEASE)?;
        }
    }
    tx.put(&replay)?;
    Ok(end.is_none())
}

/// Answers whether there is more.
fn publish_some(tx: &mut WriteTx<'_>, replay: &mut Replay, now: Timestamp) -> Result<bool, store::Error> {
    let all = Archived::of(replay.archive);
    let range =
        Range::between(all.clone().and_i64(replay.from.as_millis()), all.and_i64(replay.to.as_millis()));
    let range = range.after(replay.last.as_ref().map(|last| Archived::key_of(replay.archive, last)));
    let page = tx.scan::<Archived>(range, STEP)?;
    let more = page.next.is_some();
    for Archived { event, position, .. } in page.into_records() {
        let incoming = Incoming {
            scope: replay.scope.clone(),
            bus: replay.bus.clone(),
            event: Event { replay_name: Some(replay.name.clone()), ..event },
            ingested: now,
            hops: 0,
            scheduled_by: None,
            for_rules: replay.rules.clone(),
        };
        incoming.publish(tx)?;
        replay.last = Some(position);
    }
    Ok(more)
}
