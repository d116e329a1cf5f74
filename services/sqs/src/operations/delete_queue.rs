use aws::{Access, Ctx};
use sqs_model::{DeleteQueue, DeleteQueueOutput};
use store::Record;

use super::on_url;
use crate::error::Error;
use crate::names::QueueName;
use crate::records::Queue;
use crate::{Sqs, queueing, upkeep};

pub(super) async fn access(sqs: &Sqs, ctx: &Ctx, input: &DeleteQueue) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "DeleteQueue").await?])
}

/// Errors: `QueueDoesNotExist`. Source: SQS API Reference, DeleteQueue.
pub(super) async fn delete_queue(
    sqs: &Sqs,
    ctx: &Ctx,
    input: DeleteQueue,
) -> Result<DeleteQueueOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    let write = sqs.store.write(move |tx| {
        let queue = queueing::find(tx, &name)?;
        tx.delete::<Queue>(&queue.key())?;
        upkeep::discard(tx, &queue, true)
    });
    write.await?;
    Ok(DeleteQueueOutput::default())
}
