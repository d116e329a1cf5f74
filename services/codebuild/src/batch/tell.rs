//! Ends of builds, told to their batches in the transactions that end them.

use aws::{Event as Told, Timestamp, compute, event};
use serde_json::json;
use store::WriteTx;
use uuid::Uuid;

use super::{
    BATCHES,
    state::{End, Event},
};
use crate::{
    driver::{Entry, MERGES, report_batch},
    records::{Batch, Batchspec, Build, BuildId, Group},
};

/// A build of a batch is over.
pub(crate) fn tell(tx: &mut WriteTx<'_>, build: &Build, at: Timestamp) -> Result<(), store::Error> {
    let Some(part) = &build.part_of else { return Ok(()) };
    let key = Build::key_of(&build.scope, &build.id);
    let spec = tx.get::<Batchspec>(&key)?.map(|spec| spec.into_inner().batch);
    if spec.is_some() {
        tx.delete::<Batchspec>(&key)?;
    }
    let id = BuildId { project: build.id.project.clone(), uuid: part.batch };
    let end = End {
        status: build.status(),
        context: build.failed_phase().and_then(|phase| phase.context.clone()),
        resolved_source_version: build.resolved_source_version.clone(),
        primary: build.artifacts.clone(),
        secondary: build.secondary_artifacts.clone(),
        batch: spec,
    };
    let event = Event::Ended { build: build.id.uuid, end: Box::new(end) };
    change(tx, &build.scope, &id, event, at).map(|_| ())
}

/// Applies an event to a batch; gives it if that changed anything.
pub(crate) fn change(
    tx: &mut WriteTx<'_>,
    scope: &aws::Scope,
    id: &BuildId,
    event: Event,
    at: Timestamp,
) -> Result<Option<Batch>, store::Error> {
    let Some(mut batch) = tx.get::<Batch>(&Batch::key_of(scope, id))? else { return Ok(None) };
    let was_complete = batch.record.is_complete();
    let stood = (was_complete, batch.record.commit().cloned());
    if !batch.record.apply(event, at) {
        return Ok(None);
    }
    tx.update(&batch)?;
    let batch = batch.record;
    if batch.is_complete() && !was_complete {
        tx.dequeue(BATCHES, &deadline_entry(batch.id.uuid))?;
        over(tx, &batch, at)?;
    }
    if stood != (batch.is_complete(), batch.commit().cloned()) {
        report_batch(tx, &batch)?;
    }
    nudge(tx, &batch)?;
    Ok(Some(batch))
}

/// Has a worker look at a batch if there is something to do, or to tidy up; one that looks at it already looks again.
pub(crate) fn nudge(tx: &mut WriteTx<'_>, batch: &Batch) -> Result<(), store::Error> {
    let id = batch.id.uuid.to_string();
    tx.dequeue(BATCHES, &id)?;
    if !batch.commands().is_empty() || batch.is_complete() {
        tx.enqueue(BATCHES, &id, &entry(batch), None)?;
    }
    Ok(())
}

/// Has a worker look at a batch when its time is over.
pub(crate) fn watch_deadline(tx: &mut WriteTx<'_>, batch: &Batch) -> Result<(), store::Error> {
    let id = deadline_entry(batch.id.uuid);
    tx.dequeue(BATCHES, &id)?;
    tx.enqueue(BATCHES, &id, &entry(batch), Some(batch.deadline().as_millis())).map(|_| ())
}

pub(super) fn deadline_entry(batch: Uuid) -> String {
    format!("{batch}/deadline")
}

fn entry(batch: &Batch) -> Entry {
    Entry { scope: batch.scope.clone(), build: batch.id.clone() }
}

/// EventBridge knows no events of batches; the pipeline that waits for one is told all the same.
fn over(tx: &mut WriteTx<'_>, batch: &Batch, at: Timestamp) -> Result<(), store::Error> {
    let mut shards = batch.groups.iter().filter(|group| group.build.shard.is_some()).peekable();
    if shards.peek().is_some() && shards.all(Group::is_over) {
        // What was begun before a retry is not what is to be merged now.
        tx.dequeue(MERGES, &batch.id.uuid.to_string())?;
        tx.enqueue(MERGES, &batch.id.uuid.to_string(), &entry(batch), None)?;
    }
    let detail = json!({"id": batch.id.to_string()});
    let event = Told::new(&batch.scope, compute::SOURCE, compute::ENDED, at, vec![], detail);
    tx.append(event::UNPUBLISHED_TOPIC, &event)
}
