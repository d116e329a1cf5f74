//! Messages are moved out of a dead-letter queue, some at a time, each some in one transaction.
//! Source: SQS Developer Guide, "Configuring a dead-letter queue redrive".

use std::time::Duration;

use aws::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use store::{Claimed, Key, Versioned, WriteTx};
use uuid::Uuid;

use crate::Sqs;
use crate::error::Error;
use crate::names::QueueName;
use crate::queueing::{self, Arrival};
use crate::records::{Content, Message, Queue, Task, TaskStatus};

/// The queue of workers that move messages.
pub const QUEUE: &str = "sqs/moves";
const AT_ONCE: usize = 50;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Work {
    source: QueueName,
    started: Timestamp,
    id: Uuid,
}

/// Has a task begun, in the transaction that records it.
pub fn enqueue(tx: &mut WriteTx<'_>, task: &Task) -> Result<(), Error> {
    let work = Work { source: task.source.clone(), started: task.started, id: task.id };
    tx.enqueue(QUEUE, &task.id.to_string(), &work, None)?;
    Ok(())
}

/// Moves some messages, and comes again as long as there are more.
pub async fn step(sqs: &Sqs, claimed: Claimed) -> Result<(), Error> {
    let work: Work = claimed.payload.parse()?;
    let sealer = sqs.sealer.clone();
    let now = Timestamp::now().as_millis();
    let write = sqs.store.write(move |tx| {
        let key = Task::key_of(&work.source, work.started, work.id);
        let task = tx.get::<Task>(&key)?.map(Versioned::into_inner);
        let Some(mut task) = task.filter(Task::is_active) else { return Ok(tx.complete(&claimed)?) };
        let per_step = task.per_second.and_then(|rate| usize::try_from(rate).ok());
        task.status = match task.status {
            TaskStatus::Cancelling => TaskStatus::Cancelled,
            _ => move_some(tx, &mut task, per_step.unwrap_or(AT_ONCE), &sealer, now)?,
        };
        tx.put(&task)?;
        if task.is_active() {
            let pause = if per_step.is_some() { Duration::from_secs(1) } else { Duration::ZERO };
            tx.release(&claimed, pause)?;
        } else {
            tx.complete(&claimed)?;
        }
        Ok::<_, Error>(())
    });
    write.await
}

/// Answers the status that the task has afterwards.
fn move_some(
    tx: &mut WriteTx<'_>,
    task: &mut Task,
    most: usize,
    sealer: &seal::Sealer,
    now: i64,
) -> Result<TaskStatus, Error> {
    let failed = |code: &str| Ok(TaskStatus::Failed(code.to_owned()));
    let source = tx.get::<Queue>(&task.source.key())?.map(Versioned::into_inner);
    let Some(source) = source.filter(|queue| queue.id == task.source_id) else {
        return failed("AWS.SimpleQueueService.NonExistentQueue");
    };
    let found = queueing::candidates(tx, &source, now, most)?;
    if found.is_empty() {
        return Ok(TaskStatus::Completed);
    }
    for message in found {
        let name = match &task.destination {
            Some(destination) => Some(destination.clone()),
            None => message.dead_letter_source.as_deref().and_then(QueueName::in_arn),
        };
        // What was sent to the dead-letter queue itself came from nowhere.
        let Some(name) = name else { return failed("CouldNotDetermineMessageSource") };
        let destination = tx.get::<Queue>(&name.key())?.map(Versioned::into_inner);
        let Some(destination) = destination else {
            return failed("AWS.SimpleQueueService.NonExistentQueue");
        };
        // Those that send their dead letters here were asked whether the caller may send to them; no others.
        if task.destination.is_none() && !destination.gives_up_to(&source) {
            return failed("CouldNotDetermineMessageSource");
        }
        move_one(tx, &message, &destination, sealer, now)?;
        task.moved += 1;
    }
    Ok(TaskStatus::Running)
}

/// A message that is moved is a new one, with an id and an age of its own.
fn move_one(
    tx: &mut WriteTx<'_>,
    message: &Message,
    to: &Queue,
    sealer: &seal::Sealer,
    now: i64,
) -> Result<(), Error> {
    let content = tx.get::<Content>(&Content::key_of(message.id))?.map(Versioned::into_inner);
    queueing::remove(tx, message)?;
    let Some(content) = content else { return Ok(()) };
    let id = Uuid::new_v4();
    let sealed = to.settings.managed_encryption.then_some(sealer);
    tx.put(&Content::of(id, &content.open(sealer)?, sealed)?)?;
    let arrival = Arrival {
        id,
        sent: now,
        visible_at: now,
        sender: message.sender.clone(),
        group: message.group.clone(),
        deduplication_id: message.deduplication_id.clone(),
        dead_letter_source: None,
    };
    queueing::arrive(tx, to, arrival)?;
    Ok(())
}

/// The tasks of a source, the newest first.
pub fn of_source(
    tx: &mut store::ReadTx<'_>,
    source: &QueueName,
    most: usize,
) -> Result<Vec<Task>, store::Error> {
    let newest_first = store::Range::prefix(source.key()).descending();
    Ok(tx.scan::<Task>(newest_first, most)?.into_records())
}

/// A task handle: the JSON of a [`Work`] in base64.
pub fn handle(task: &Task) -> String {
    let work = Work { source: task.source.clone(), started: task.started, id: task.id };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&work).unwrap_or_default())
}

/// The source and the key of the task of a handle.
pub fn in_handle(handle: &str) -> Option<(QueueName, Key)> {
    let work: Work = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(handle).ok()?).ok()?;
    let key = Task::key_of(&work.source, work.started, work.id);
    Some((work.source, key))
}
