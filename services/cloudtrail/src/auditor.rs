//! Writing the records.

use std::time::Duration;

use async_trait::async_trait;
use aws::{AuditRecord, Auditor, Error, Principal, Scope, Timestamp};
use store::Store;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::CloudTrail;
use crate::event::{event, region_of, user_name};
use crate::records::{Entry, LONGEST_SPAN_MILLIS, Segment};
use crate::resource::data_type;
use crate::selection::{Caller, take_in};

/// How many records of reads may wait; then calls wait for their place.
const WAITING: usize = 4096;
/// How many are written in one transaction.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const GATHERED_FOR: Duration = Duration::from_millis(500);
/// Pauses before a batch that could not be written is tried again.
const RETRIES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_millis(2_000)];

/// A recorded call, and who made it.
pub struct Audited {
    entry: Entry,
    caller: Caller,
}

pub enum Waiting {
    Call(Box<Audited>),
    /// Answered when all entries before it are durable.
    Flush(oneshot::Sender<()>),
}

#[async_trait]
impl Auditor for CloudTrail {
    async fn record(&self, record: AuditRecord) -> Result<(), Error> {
        let entry = entry(&record, Timestamp::now()).map_err(Error::internal)?;
        let principal = &record.ctx.caller.principal;
        let service = match principal {
            Principal::Service { name } => Some(name.clone()),
            _ => record.ctx.invoked_by.clone(),
        };
        let caller = Caller { arn: principal.account().map(|_| principal.arn()), service };
        let call = Box::new(Audited { entry, caller });
        if record.read_only {
            let closed = |_| Error::internal("the writer of audit records has ended");
            return self.reads.send(Waiting::Call(call)).await.map_err(closed);
        }
        self.store
            .write(move |tx| {
                let Audited { entry, caller } = call.as_ref();
                take_in(tx, entry, &entry.event_id, std::slice::from_ref(entry), std::slice::from_ref(caller))
            })
            .await
            .map_err(Error::internal)
    }
}

impl CloudTrail {
    /// Returns when the records of all calls so far are durable: before the server stops.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.reads.send(Waiting::Flush(done)).await.is_ok() && flushed.await.is_err() {
            tracing::warn!("the writer of audit records ended before it had written all");
        }
    }
}

/// What is kept of a call that ended now.
fn entry(record: &AuditRecord, now: Timestamp) -> Result<Entry, serde_json::Error> {
    let event_id = event_id(now);
    let ctx = &record.ctx;
    let is_management = data_type(&record.event_source, &record.event_name, &record.resources).is_none();
    let mut resources = record.resources.clone();
    resources.sort();
    resources.dedup();
    Ok(Entry {
        scope: Scope { region: region_of(record), ..ctx.scope.clone() },
        at: now,
        event_name: record.event_name.clone(),
        event_source: record.event_source.clone(),
        read_only: record.read_only,
        user_name: user_name(&ctx.caller),
        access_key_id: ctx.caller.access_key_id.clone(),
        event: event(record, &resources, &event_id, is_management, now)?,
        resources,
        is_management,
        event_id,
    })
}

/// An id that tells its instant, so that LookupEvents finds it without an index.
fn event_id(now: Timestamp) -> String {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    let nanoseconds = u32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, millis / 1_000, nanoseconds)).to_string()
}

/// Starts the task that writes the records of reads. It ends, with everything written, when the senders are gone.
pub fn start(store: Store) -> mpsc::Sender<Waiting> {
    let (sender, mut waiting) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        while let Some(first) = waiting.recv().await {
            let (calls, flushes) = gather(first, &mut waiting).await;
            write(&store, segments(calls)).await;
            for flushed in flushes {
                // Whoever asked may have gone.
                let _ = flushed.send(());
            }
        }
    });
    sender
}

/// What comes within the time of one batch; a flush ends it at once.
async fn gather(
    first: Waiting,
    waiting: &mut mpsc::Receiver<Waiting>,
) -> (Vec<Audited>, Vec<oneshot::Sender<()>>) {
    let (mut calls, mut flushes) = (Vec::new(), Vec::new());
    let mut next = Some(first);
    let deadline = tokio::time::sleep(GATHERED_FOR);
    tokio::pin!(deadline);
    while let Some(item) = next {
        match item {
            Waiting::Call(call) => calls.push(*call),
            Waiting::Flush(done) => flushes.push(done),
        }
        if calls.len() >= BATCH || !flushes.is_empty() {
            break;
        }
        next = tokio::select! {
            item = waiting.recv() => item,
            () = &mut deadline => None,
        };
    }
    (calls, flushes)
}

/// Reads that are stored together.
struct Gathered {
    segment: Segment,
    /// Of the segment's entries, in their order.
    callers: Vec<Caller>,
}

/// One segment for each account, region and kind; more where the calls lie further apart than a segment may span,
/// as they do when the store stood still for a while.
fn segments(mut calls: Vec<Audited>) -> Vec<Gathered> {
    calls.sort_by_key(|call| call.entry.at);
    let mut gathered: Vec<Gathered> = Vec::new();
    for Audited { entry, caller } in calls {
        let fits = |known: &&mut Gathered| {
            let segment = &known.segment;
            let first = segment.entries.first().map_or(entry.at, |first| first.at);
            segment.scope == entry.scope
                && segment.is_management == entry.is_management
                && entry.at.as_millis() - first.as_millis() <= LONGEST_SPAN_MILLIS
        };
        match gathered.iter_mut().find(fits) {
            Some(known) => {
                known.segment.to = entry.at;
                known.segment.entries.push(entry);
                known.callers.push(caller);
            }
            None => {
                let segment = Segment {
                    id: entry.event_id.clone(),
                    scope: entry.scope.clone(),
                    is_management: entry.is_management,
                    to: entry.at,
                    entries: vec![entry],
                };
                gathered.push(Gathered { segment, callers: vec![caller] });
            }
        }
    }
    gathered
}

/// Tries again for a while; a record that is written twice is the same record.
async fn write(store: &Store, segments: Vec<Gathered>) {
    if segments.is_empty() {
        return;
    }
    let segments = std::sync::Arc::new(segments);
    let mut pauses = RETRIES.iter();
    loop {
        let batch = segments.clone();
        let written = store.write(move |tx| {
            for Gathered { segment, callers } in batch.iter() {
                take_in(tx, segment, &segment.id, &segment.entries, callers)?;
            }
            Ok::<_, store::Error>(())
        });
        let Err(error) = written.await else { return };
        let Some(pause) = pauses.next() else {
            let count: usize = segments.iter().map(|gathered| gathered.callers.len()).sum();
            tracing::error!(%error, count, "the records of reading calls could not be written");
            return;
        };
        tokio::time::sleep(*pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::tests::entry_at;

    #[test]
    fn ids_tell_their_instant_and_differ() {
        let now = Timestamp::from_millis(1_704_164_645_678);
        let (first, second) = (event_id(now), event_id(now));
        assert_ne!(first, second);
        assert_eq!(first.len(), 36);
    }

    #[test]
    fn segments_are_of_one_scope_and_short() {
        let mut elsewhere = entry_at(5);
        elsewhere.scope.region = "us-east-2".parse().expect("a region");
        let call = |entry| Audited { entry, caller: Caller { arn: None, service: None } };
        let calls = [entry_at(20_000), entry_at(7), elsewhere, entry_at(3)].map(call);
        let made = segments(calls.into());
        let shape: Vec<_> = made
            .iter()
            .map(|gathered| (gathered.segment.to.as_millis(), gathered.segment.entries.len()))
            .collect();
        assert_eq!(shape, [(7, 2), (5, 1), (20_000, 1)]);
    }
}
