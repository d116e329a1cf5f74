//! Takes away subscriptions of topics that were deleted, and those that nobody confirmed in time.

use std::sync::Arc;
use std::time::Duration;

use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::WriteTx;
use uuid::Uuid;

use super::{LEASE, PAUSE, WORKER};
use crate::Sns;
use crate::records::{Status, Subscription, Token};

const QUEUE: &str = "sns/cleanup";
/// Subscriptions that are deleted in one transaction.
const PAGE: usize = 200;

#[derive(Debug, Serialize, Deserialize)]
enum Task {
    DeletedTopic { topic: Uuid },
    ExpiredToken { topic: Uuid, subscription: Uuid },
}

/// Has the subscriptions of a topic deleted, in the transaction that deletes the topic.
pub(crate) fn topic_deleted(tx: &mut WriteTx<'_>, topic: Uuid) -> Result<(), store::Error> {
    tx.enqueue(QUEUE, &format!("topic/{topic}"), &Task::DeletedTopic { topic }, None)?;
    Ok(())
}

/// Has an unconfirmed or cancelled subscription deleted when its token has expired.
pub(crate) fn when_expired(
    tx: &mut WriteTx<'_>,
    subscription: &Subscription,
    token: &Token,
) -> Result<(), store::Error> {
    let task = Task::ExpiredToken { topic: subscription.topic_id, subscription: subscription.id };
    let at = token.expires.as_millis();
    tx.enqueue(QUEUE, &format!("token/{}/{at}", subscription.id), &task, Some(at))?;
    Ok(())
}

pub(super) async fn run(sns: Arc<Sns>) {
    loop {
        if let Err(error) = next(&sns).await {
            tracing::warn!(%error, "subscriptions could not be cleaned up; it is tried again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn next(sns: &Sns) -> Result<(), store::Error> {
    let claimed = sns.store.claim(QUEUE, WORKER, LEASE).await?;
    let task: Task = claimed.payload.parse()?;
    let now = Timestamp::now();
    let write = sns.store.write(move |tx| {
        let is_done = match &task {
            Task::DeletedTopic { topic } => delete_page(tx, *topic)?,
            Task::ExpiredToken { topic, subscription } => {
                expire(tx, *topic, *subscription, now)?;
                true
            }
        };
        if is_done { tx.complete(&claimed) } else { tx.release(&claimed, Duration::ZERO) }
    });
    write.await
}

/// Answers whether these were the last.
fn delete_page(tx: &mut WriteTx<'_>, topic: Uuid) -> Result<bool, store::Error> {
    let page = tx.scan::<Subscription>(Subscription::of_topic(topic), PAGE)?;
    let is_last = page.next.is_none();
    for subscription in page.into_records() {
        tx.delete::<Subscription>(&Subscription::key_of(topic, subscription.id))?;
    }
    Ok(is_last)
}

fn expire(tx: &mut WriteTx<'_>, topic: Uuid, id: Uuid, now: Timestamp) -> Result<(), store::Error> {
    let Some(mut subscription) = tx.get::<Subscription>(&Subscription::key_of(topic, id))? else {
        return Ok(());
    };
    // A newer token has an entry of its own.
    if subscription.token.as_ref().is_none_or(|token| token.expires > now) {
        return Ok(());
    }
    match subscription.status {
        Status::Pending | Status::Cancelled => {
            tx.delete::<Subscription>(&Subscription::key_of(topic, id))?;
        }
        Status::Confirmed => {
            subscription.token = None;
            tx.update(&subscription)?;
        }
    }
    Ok(())
}
