use aws::{Access, Ctx, Timestamp};
use sqs_model::{
    SendMessage, SendMessageBatch, SendMessageBatchOutput, SendMessageBatchResultEntry, SendMessageOutput,
};
use uuid::Uuid;

use super::{batch, on_url};
use crate::draft::{Accepted, Draft};
use crate::error::Error;
use crate::names::QueueName;
use crate::queueing::{self, Arrival};
use crate::records::{Attribute, Content, Message, Queue};
use crate::{Sqs, digest};

/// All messages of a batch together, in bytes. Source: SQS API Reference, SendMessageBatch.
const LARGEST_BATCH: usize = 1_048_576;

pub(super) async fn access(sqs: &Sqs, ctx: &Ctx, input: &SendMessage) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "SendMessage").await?])
}

pub(super) async fn access_in_batch(
    sqs: &Sqs,
    ctx: &Ctx,
    input: &SendMessageBatch,
) -> Result<Vec<Access>, Error> {
    // There is no permission of its own for batches.
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "SendMessage").await?])
}

/// Takes a message. Errors: `QueueDoesNotExist`, and those of drafts. Source: SQS API Reference, SendMessage.
pub(super) async fn send_message(
    sqs: &Sqs,
    ctx: &Ctx,
    input: SendMessage,
) -> Result<SendMessageOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    let queue = find(sqs, &name).await?;
    let accepted = Draft::from(input).accept(&queue)?;
    let sent = send(sqs, ctx, &queue, vec![accepted]).await?.into_iter().next();
    let sent = sent.ok_or(Error::QueueDoesNotExist)?;
    Ok(SendMessageOutput {
        md5_of_message_body: Some(sent.md5_of_body),
        md5_of_message_attributes: sent.md5_of_attributes,
        md5_of_message_system_attributes: sent.md5_of_system_attributes,
        message_id: Some(sent.id.to_string()),
        sequence_number: sent.sequence_number,
    })
}

/// Takes up to ten messages. One that is refused does not keep the others back.
/// Errors: `QueueDoesNotExist`, and those of batches. Source: SQS API Reference, SendMessageBatch.
pub(super) async fn send_message_batch(
    sqs: &Sqs,
    ctx: &Ctx,
    input: SendMessageBatch,
) -> Result<SendMessageBatchOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    let queue = find(sqs, &name).await?;
    batch::check(input.entries.iter().map(|entry| &entry.id), "SendMessageBatchRequestEntry")?;
    let drafts = input.entries.into_iter().map(|entry| (entry.id.clone(), Draft::from(entry)));
    let drafts: Vec<(String, Draft)> = drafts.collect();
    let size = drafts.iter().map(|(_, draft)| draft.size()).sum();
    if size > LARGEST_BATCH {
        return Err(Error::BatchRequestTooLong(size));
    }
    let (mut ids, mut accepted, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (id, draft) in drafts {
        match draft.accept(&queue) {
            Ok(message) => {
                ids.push(id);
                accepted.push(message);
            }
            Err(error) => failed.push(batch::failed(id, error)?),
        }
    }
    let sent = if accepted.is_empty() { Vec::new() } else { send(sqs, ctx, &queue, accepted).await? };
    let successful = ids.into_iter().zip(sent).map(|(id, sent)| SendMessageBatchResultEntry {
        id,
        message_id: sent.id.to_string(),
        md5_of_message_body: sent.md5_of_body,
        md5_of_message_attributes: sent.md5_of_attributes,
        md5_of_message_system_attributes: sent.md5_of_system_attributes,
        sequence_number: sent.sequence_number,
    });
    Ok(SendMessageBatchOutput { successful: successful.collect(), failed })
}

struct Sent {
    id: Uuid,
    md5_of_body: String,
    md5_of_attributes: Option<String>,
    md5_of_system_attributes: Option<String>,
    sequence_number: Option<String>,
}

async fn find(sqs: &Sqs, name: &QueueName) -> Result<Queue, Error> {
    let name = name.clone();
    sqs.store.read(move |tx| queueing::find(tx, &name)).await
}

/// Stores messages in their order, in one transaction.
async fn send(sqs: &Sqs, ctx: &Ctx, queue: &Queue, messages: Vec<Accepted>) -> Result<Vec<Sent>, Error> {
    // Not when the call was received: in between the queue may have been found, with messages that came later.
    let now = Timestamp::now().as_millis();
    let sealer = queue.settings.managed_encryption.then_some(&sqs.sealer);
    let sender = ctx.caller.principal.user_id();
    let prepared = messages.iter().map(|message| {
        let id = Uuid::new_v4();
        let arrival = Arrival {
            id,
            sent: now,
            visible_at: now + i64::from(message.delay) * 1000,
            sender: sender.clone(),
            group: message.group.clone(),
            deduplication_id: message.deduplication_id.clone(),
            dead_letter_source: None,
        };
        Ok::<_, Error>((arrival, Content::of(id, &message.parcel, sealer)?))
    });
    let prepared: Vec<(Arrival, Content)> = prepared.collect::<Result<_, _>>()?;
    let (name, is_fifo) = (queue.name.clone(), queue.is_fifo());
    let write = sqs.store.write(move |tx| {
        let queue = queueing::find(tx, &name)?;
        let sent =
            prepared.iter().map(|(arrival, content)| queueing::send(tx, &queue, arrival.clone(), content));
        sent.collect::<Result<Vec<_>, Error>>()
    });
    let sent = write.await?.into_iter().zip(messages).map(|((id, position), message)| Sent {
        id,
        md5_of_body: digest::of_body(&message.parcel.body),
        md5_of_attributes: digest::of_attributes(&message.parcel.attributes),
        md5_of_system_attributes: md5_of_system_attributes(message.parcel.trace_header),
        sequence_number: is_fifo.then(|| Message::sequence_number(position)),
    });
    Ok(sent.collect())
}

fn md5_of_system_attributes(trace_header: Option<String>) -> Option<String> {
    let attribute = Attribute { data_type: "String".to_owned(), value: trace_header? };
    digest::of_attributes([(&"AWSTraceHeader".to_owned(), &attribute)])
}
