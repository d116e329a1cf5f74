use aws::{Access, Ctx, Timestamp};
use sqs_model::{
    ChangeMessageVisibility, ChangeMessageVisibilityBatch, ChangeMessageVisibilityBatchOutput,
    ChangeMessageVisibilityBatchResultEntry, ChangeMessageVisibilityOutput,
};

use super::{batch, on_url};
use crate::error::Error;
use crate::names::QueueName;
use crate::receipt::Receipt;
use crate::{Sqs, queueing};

/// In seconds. Source: SQS API Reference, ChangeMessageVisibility.
const LONGEST: i32 = 43_200;

pub(super) async fn access(
    sqs: &Sqs,
    ctx: &Ctx,
    input: &ChangeMessageVisibility,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "ChangeMessageVisibility").await?])
}

pub(super) async fn access_in_batch(
    sqs: &Sqs,
    ctx: &Ctx,
    input: &ChangeMessageVisibilityBatch,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "ChangeMessageVisibility").await?])
}

/// Errors: `QueueDoesNotExist`, `ReceiptHandleIsInvalid`, `MessageNotInflight`, `InvalidParameterValue`.
/// Source: SQS API Reference, ChangeMessageVisibility.
pub(super) async fn change_message_visibility(
    sqs: &Sqs,
    ctx: &Ctx,
    input: ChangeMessageVisibility,
) -> Result<ChangeMessageVisibilityOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    let changes = vec![(input.receipt_handle, Some(input.visibility_timeout))];
    change(sqs, name, changes).await?.pop().unwrap_or(Ok(()))?;
    Ok(ChangeMessageVisibilityOutput::default())
}

/// Errors: `QueueDoesNotExist`, and those of batches. Source: SQS API Reference, ChangeMessageVisibilityBatch.
pub(super) async fn change_message_visibility_batch(
    sqs: &Sqs,
    ctx: &Ctx,
    input: ChangeMessageVisibilityBatch,
) -> Result<ChangeMessageVisibilityBatchOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    let shape = "ChangeMessageVisibilityBatchRequestEntry";
    batch::check(input.entries.iter().map(|entry| &entry.id), shape)?;
    let (ids, changes): (Vec<_>, Vec<_>) = input
        .entries
        .into_iter()
        .map(|entry| (entry.id, (entry.receipt_handle, entry.visibility_timeout)))
        .unzip();
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, result) in ids.into_iter().zip(change(sqs, name, changes).await?) {
        match result {
            Ok(()) => successful.push(ChangeMessageVisibilityBatchResultEntry { id }),
            Err(error) => failed.push(batch::failed(id, error)?),
        }
    }
    Ok(ChangeMessageVisibilityBatchOutput { successful, failed })
}

/// Changes what receipt handles name, in one transaction. Answers what became of each. Errors: `QueueDoesNotExist`.
async fn change(
    sqs: &Sqs,
    name: QueueName,
    changes: Vec<(String, Option<i32>)>,
) -> Result<Vec<Result<(), Error>>, Error> {
    let now = Timestamp::now().as_millis();
    let write = sqs.store.write(move |tx| {
        let queue = queueing::find(tx, &name)?;
        let mut results = Vec::new();
        for (handle, timeout) in &changes {
            let checked = Receipt::decode(handle).and_then(|receipt| Ok((receipt, seconds(*timeout)?)));
            let changed = checked.and_then(|(receipt, seconds)| {
                queueing::change_visibility(tx, &queue, &receipt, handle, seconds, now)
            });
            match changed {
                Err(error @ Error::Store(_)) => return Err(error),
                result => results.push(result),
            }
        }
        Ok(results)
    });
    write.await
}

fn seconds(timeout: Option<i32>) -> Result<u32, Error> {
    let timeout = timeout.ok_or_else(|| Error::MissingParameter("VisibilityTimeout".to_owned()))?;
    let reason = "VisibilityTimeout must be an integer between 0 and 43200.";
    let refused = || Error::value(timeout, "VisibilityTimeout", reason);
    u32::try_from(timeout).ok().filter(|_| timeout <= LONGEST).ok_or_else(refused)
}
