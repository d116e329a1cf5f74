use aws::{Access, Ctx, Timestamp};
use sqs_model::{
    DeleteMessage, DeleteMessageBatch, DeleteMessageBatchOutput, DeleteMessageBatchResultEntry,
    DeleteMessageOutput,
};

use super::{batch, on_url};
use crate::error::Error;
use crate::names::QueueName;
use crate::receipt::Receipt;
use crate::{Sqs, queueing};

pub(super) async fn access(sqs: &Sqs, ctx: &Ctx, input: &DeleteMessage) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "DeleteMessage").await?])
}

pub(super) async fn access_in_batch(
    sqs: &Sqs,
    ctx: &Ctx,
    input: &DeleteMessageBatch,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "DeleteMessage").await?])
}

/// Errors: `QueueDoesNotExist`, `ReceiptHandleIsInvalid`, `InvalidParameterValue`.
/// Source: SQS API Reference, DeleteMessage.
pub(super) async fn delete_message(
    sqs: &Sqs,
    ctx: &Ctx,
    input: DeleteMessage,
) -> Result<DeleteMessageOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    let mut results = delete(sqs, name, vec![input.receipt_handle]).await?;
    results.pop().unwrap_or(Ok(()))?;
    Ok(DeleteMessageOutput::default())
}

/// Errors: `QueueDoesNotExist`, and those of batches. Source: SQS API Reference, DeleteMessageBatch.
pub(super) async fn delete_message_batch(
    sqs: &Sqs,
    ctx: &Ctx,
    input: DeleteMessageBatch,
) -> Result<DeleteMessageBatchOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    batch::check(input.entries.iter().map(|entry| &entry.id), "DeleteMessageBatchRequestEntry")?;
    let (ids, handles): (Vec<_>, Vec<_>) =
        input.entries.into_iter().map(|entry| (entry.id, entry.receipt_handle)).unzip();
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, result) in ids.into_iter().zip(delete(sqs, name, handles).await?) {
        match result {
            Ok(()) => successful.push(DeleteMessageBatchResultEntry { id }),
            Err(error) => failed.push(batch::failed(id, error)?),
        }
    }
    Ok(DeleteMessageBatchOutput { successful, failed })
}

/// Deletes messages in one transaction. Answers what became of each. Errors: `QueueDoesNotExist`.
async fn delete(sqs: &Sqs, name: QueueName, handles: Vec<String>) -> Result<Vec<Result<(), Error>>, Error> {
    let now = Timestamp::now().as_millis();
    let write = sqs.store.write(move |tx| {
        let queue = queueing::find(tx, &name)?;
        let mut results = Vec::new();
        for handle in &handles {
            match Receipt::decode(handle)
                .and_then(|receipt| queueing::delete(tx, &queue, &receipt, handle, now))
            {
                Err(error @ Error::Store(_)) => return Err(error),
                result => results.push(result),
            }
        }
        Ok(results)
    });
    write.await
}
