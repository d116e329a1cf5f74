use std::time::Duration;

use aws::{Access, Ctx};
use sqs_model::{PurgeQueue, PurgeQueueOutput};
use uuid::Uuid;

use super::on_url;
use crate::error::Error;
use crate::names::QueueName;
use crate::{Sqs, queueing, upkeep};

/// Source: SQS API Reference, PurgeQueue.
const PAUSE: Duration = Duration::from_secs(60);

pub(super) async fn access(sqs: &Sqs, ctx: &Ctx, input: &PurgeQueue) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "PurgeQueue").await?])
}

/// Empties a queue at once. Errors: `QueueDoesNotExist`, `PurgeQueueInProgress`. Source: SQS API Reference, PurgeQueue.
pub(super) async fn purge_queue(sqs: &Sqs, ctx: &Ctx, input: PurgeQueue) -> Result<PurgeQueueOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    let now = ctx.now();
    let write = sqs.store.write(move |tx| {
        let mut queue = queueing::find(tx, &name)?;
        if queue.purged.is_some_and(|purged| now.since(purged) < PAUSE) {
            return Err(Error::PurgeQueueInProgress(name.name.clone()));
        }
        upkeep::discard(tx, &queue, false)?;
        queue.messages = Uuid::new_v4();
        queue.purged = Some(now);
        tx.put(&queue)?;
        Ok(())
    });
    write.await?;
    Ok(PurgeQueueOutput::default())
}
