//! What goes on by itself: messages get too old, piles of messages that nobody needs are taken away, and messages are
//! moved out of dead-letter queues.

use std::sync::Arc;
use std::time::Duration;

use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Claimed, Key, Range, Record, Versioned, WriteTx};
use uuid::Uuid;

use crate::Sqs;
use crate::error::Error;
use crate::moves;
use crate::names::QueueName;
use crate::queueing::{self, EXPIRY};
use crate::records::{Attempt, Content, Counter, Deduplication, Group, Message, Queue};

const EMPTYING: &str = "sqs/emptying";
pub const WORKER: &str = "sqs";
/// For the work of one transaction.
pub const LEASE: Duration = Duration::from_secs(60);
/// After something failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Messages that one transaction takes away.
const AT_ONCE: usize = 100;

/// What is left of a queue that was purged or deleted.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Remains {
    messages: Uuid,
    /// If the queue itself is gone.
    queue: Option<Uuid>,
}

/// Has a pile of messages taken away, and what else the queue has, if it is deleted. Part of the transaction that takes
/// them from the queue.
pub fn discard(tx: &mut WriteTx<'_>, queue: &Queue, is_deleted: bool) -> Result<(), Error> {
    let remains = Remains { messages: queue.messages, queue: is_deleted.then_some(queue.id) };
    tx.dequeue(EXPIRY, &queue.messages.to_string())?;
    tx.enqueue(EMPTYING, &queue.messages.to_string(), &remains, None)?;
    tx.tell(&queue.name.news());
    Ok(())
}

/// Works until the future is dropped.
pub async fn run(sqs: Arc<Sqs>) {
    tokio::join!(
        work(&sqs, EXPIRY, |sqs, claimed| Box::pin(expire(sqs, claimed))),
        work(&sqs, EMPTYING, |sqs, claimed| Box::pin(empty(sqs, claimed))),
        work(&sqs, moves::QUEUE, |sqs, claimed| Box::pin(moves::step(sqs, claimed))),
    );
}

type Step<'s> = std::pin::Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 's>>;

async fn work(sqs: &Arc<Sqs>, queue: &str, step: for<'s> fn(&'s Sqs, Claimed) -> Step<'s>) {
    loop {
        let done = match sqs.store.claim(queue, WORKER, LEASE).await {
            Ok(claimed) => step(sqs, claimed).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = done {
            tracing::warn!(queue, %error, "upkeep of queues stops for a moment");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Takes messages away that are too old, and comes again when the next one is.
async fn expire(sqs: &Sqs, claimed: Claimed) -> Result<(), Error> {
    let name: QueueName = claimed.payload.parse()?;
    let now = Timestamp::now().as_millis();
    let write = sqs.store.write(move |tx| {
        tx.complete(&claimed)?;
        let queue = tx.get::<Queue>(&name.key())?.map(Versioned::into_inner);
        let Some(queue) = queue.filter(|queue| queue.messages.to_string() == claimed.id) else {
            return Ok(());
        };
        queueing::expire(tx, &queue, now, AT_ONCE)?;
        let pile = Range::prefix(Message::pile(queue.messages));
        let oldest = tx.scan_index::<Message>(Message::SENT, pile, 1)?.into_records().pop();
        if let Some(oldest) = oldest {
            let retention = i64::from(queue.settings.message_retention_period) * 1000;
            tx.enqueue(EXPIRY, &claimed.id, &name, Some(oldest.sent + retention))?;
        }
        Ok::<_, Error>(())
    });
    write.await
}

/// Takes some of a pile away, and comes again until nothing is left.
async fn empty(sqs: &Sqs, claimed: Claimed) -> Result<(), Error> {
    let remains: Remains = claimed.payload.parse()?;
    let write = sqs.store.write(move |tx| {
        let mut left = false;
        for message in tx.scan::<Message>(Message::pile(remains.messages), AT_ONCE)?.into_records() {
            tx.delete::<Message>(&message.key())?;
            tx.delete::<Content>(&Content::key_of(message.id))?;
            left = true;
        }
        left |= delete_some::<Group>(tx, Message::pile(remains.messages))?;
        if let Some(queue) = remains.queue {
            left |= delete_some::<Deduplication>(tx, Key::of(queue.to_string()))?;
            left |= delete_some::<Attempt>(tx, Key::of(queue.to_string()))?;
            tx.delete::<Counter>(&Counter::key_of(queue))?;
        }
        match left {
            true => tx.release(&claimed, Duration::ZERO)?,
            false => tx.complete(&claimed)?,
        }
        Ok::<_, Error>(())
    });
    write.await
}

fn delete_some<R: Record>(tx: &mut WriteTx<'_>, prefix: Key) -> Result<bool, Error> {
    let some = tx.scan::<R>(prefix, AT_ONCE)?.into_records();
    for record in &some {
        tx.delete::<R>(&record.key())?;
    }
    Ok(!some.is_empty())
}
