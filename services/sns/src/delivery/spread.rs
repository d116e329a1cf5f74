//! Makes the deliveries of a message.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Key, Range, WriteTx};
use uuid::Uuid;

use super::{LEASE, PAUSE, WORKER, work};
use crate::Sns;
use crate::filter;
use crate::records::{Message, Status, Subscription};

const QUEUE: &str = "sns/spreading";
/// Subscriptions that are looked at in one transaction.
const PAGE: usize = 200;

#[derive(Debug, Serialize, Deserialize)]
struct Spreading {
    message: Uuid,
    /// The last subscription that was looked at.
    after: Vec<u8>,
}

/// Stores a message and makes its deliveries, in the transaction that publishes it.
pub(crate) fn publish(tx: &mut WriteTx<'_>, message: Message) -> Result<(), store::Error> {
    page(tx, message, None)
}

fn page(tx: &mut WriteTx<'_>, mut message: Message, after: Option<Key>) -> Result<(), store::Error> {
    let range = Range::prefix(Subscription::of_topic(message.topic_id)).after(after);
    let page = tx.scan::<Subscription>(range, PAGE)?;
    let next = page.next.clone();
    for subscription in page.into_records() {
        if subscription.status == Status::Confirmed && filter::wants(&subscription, &message) {
            work::enqueue_notification(tx, &message, subscription.id)?;
            message.pending += 1;
        }
    }
    message.spreading = next.is_some();
    if let Some(next) = next {
        let job = Spreading { message: message.id, after: next.as_bytes().to_vec() };
        let id = format!("{}/{}", message.id, blake3::hash(next.as_bytes()).to_hex());
        tx.enqueue(QUEUE, &id, &job, None)?;
    }
    if message.is_done() {
        tx.delete::<Message>(&Message::key_of(message.id))?;
    } else {
        tx.put(&message)?;
    }
    Ok(())
}

pub(super) async fn run(sns: Arc<Sns>) {
    loop {
        if let Err(error) = next(&sns).await {
            tracing::warn!(%error, "a message could not be spread; it is tried again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn next(sns: &Sns) -> Result<(), store::Error> {
    let claimed = sns.store.claim(QUEUE, WORKER, LEASE).await?;
    let Spreading { message, after } = claimed.payload.parse()?;
    let write = sns.store.write(move |tx| {
        tx.complete(&claimed)?;
        let Some(message) = tx.get::<Message>(&Message::key_of(message))? else { return Ok(()) };
        page(tx, message.into_inner(), Some(Key::from_bytes(after.clone())?))
    });
    write.await
}
