//! Writing the records.

use std::time::Duration;

use async_trait::async_trait;
use aws::{AuditRecord, Auditor, Error};
use store::Store;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::CloudTrail;
use crate::event::{event, user_name};
use crate::records::Entry;

/// How many records of reads may wait; then calls wait for their place.
const WAITING: usize = 4096;
/// How many are written in one transaction.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const GATHERED_FOR: Duration = Duration::from_millis(500);
const LONGEST_NAME: usize = 512;

pub enum Waiting {
    Entry(Box<Entry>),
    /// Answered when all entries before it are durable.
    Flush(oneshot::Sender<()>),
}

#[async_trait]
impl Auditor for CloudTrail {
    async fn record(&self, record: AuditRecord) -> Result<(), Error> {
        let entry = Box::new(entry(&record));
        if record.read_only {
            let closed = |_| Error::internal("the writer of audit records has ended");
            return self.reads.send(Waiting::Entry(entry)).await.map_err(closed);
        }
        self.store
            .write(move |tx| {
                tx.put(entry.as_ref())?;
                Ok::<_, store::Error>(())
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

fn entry(record: &AuditRecord) -> Entry {
    let event_id = Uuid::new_v4().to_string();
    let is_management = !record.resources.iter().any(|arn| is_object(arn));
    Entry {
        scope: record.ctx.scope.clone(),
        at: record.ctx.now(),
        event_name: record.event_name.clone(),
        event_source: record.event_source.clone(),
        read_only: record.read_only,
        user_name: user_name(&record.ctx.caller),
        access_key_id: record.ctx.caller.access_key_id.clone(),
        // A name longer than an index may hold finds nothing; the record itself still has it.
        resources: record.resources.iter().filter(|arn| arn.len() <= LONGEST_NAME).cloned().collect(),
        is_management,
        event: event(record, &event_id, is_management),
        event_id,
    }
}

/// Calls on objects of S3 are data events; on buckets they are management events.
fn is_object(arn: &str) -> bool {
    arn.strip_prefix("arn:aws:s3:::").is_some_and(|rest| rest.contains('/'))
}

/// Starts the task that writes the records of reads.
pub fn start(store: Store) -> mpsc::Sender<Waiting> {
    let (sender, mut waiting) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        while let Some(first) = waiting.recv().await {
            let (entries, flushes) = gather(first, &mut waiting).await;
            write(&store, entries).await;
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
) -> (Vec<Entry>, Vec<oneshot::Sender<()>>) {
    let (mut entries, mut flushes) = (Vec::new(), Vec::new());
    let mut next = Some(first);
    let deadline = tokio::time::sleep(GATHERED_FOR);
    tokio::pin!(deadline);
    while let Some(item) = next {
        match item {
            Waiting::Entry(entry) => entries.push(*entry),
            Waiting::Flush(done) => flushes.push(done),
        }
        if entries.len() >= BATCH || !flushes.is_empty() {
            break;
        }
        next = tokio::select! {
            item = waiting.recv() => item,
            () = &mut deadline => None,
        };
    }
    (entries, flushes)
}

async fn write(store: &Store, entries: Vec<Entry>) {
    let count = entries.len();
    let written = store
        .write(move |tx| {
            for entry in &entries {
                tx.put(entry)?;
            }
            Ok::<_, store::Error>(())
        })
        .await;
    if let Err(error) = written {
        tracing::error!(%error, count, "the records of reading calls could not be written");
    }
}
