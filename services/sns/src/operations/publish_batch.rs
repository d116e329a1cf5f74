use std::collections::HashSet;

use aws::{Access, Ctx};
use sns_model::{
    BatchResultErrorEntry, PublishBatch, PublishBatchOutput, PublishBatchRequestEntry,
    PublishBatchResultEntry,
};
use uuid::Uuid;

use super::publication::{Accepted, LARGEST, Publication};
use super::publish::message;
use super::{find_topic, on_topic};
use crate::Sns;
use crate::delivery::spread;
use crate::error::Error;
use crate::names::TopicName;

/// Source: SNS API Reference, PublishBatch.
const MOST_ENTRIES: usize = 10;
const LONGEST_ID: usize = 80;

pub(super) async fn access(sns: &Sns, ctx: &Ctx, input: &PublishBatch) -> Result<Vec<Access>, Error> {
    // There is no permission of its own for batches.
    Ok(vec![on_topic(sns, ctx, &input.topic_arn).await?.action("SNS:Publish")])
}

/// Takes up to ten messages. One that is refused does not keep the others back.
/// Errors: `TopicNotFound`, `InvalidParameter`, and those of batches. Source: SNS API Reference, PublishBatch.
pub(super) async fn publish_batch(
    sns: &Sns,
    ctx: &Ctx,
    input: PublishBatch,
) -> Result<PublishBatchOutput, Error> {
    let name = TopicName::in_region(&input.topic_arn, "TopicArn", &ctx.scope)?;
    let entries = input.publish_batch_request_entries;
    check_ids(&entries)?;
    let entries: Vec<(String, Publication)> = entries.into_iter().map(publication).collect();
    if entries.iter().map(|(_, publication)| publication.size()).sum::<usize>() > LARGEST {
        return Err(Error::BatchTooLong);
    }
    let (mut accepted, mut failed): (Vec<(String, Uuid, Accepted)>, _) = (Vec::new(), Vec::new());
    for (id, publication) in entries {
        match publication.accept() {
            Ok(entry) => accepted.push((id, Uuid::new_v4(), entry)),
            Err(error) => failed.push(BatchResultErrorEntry {
                id,
                code: error.code().0.to_owned(),
                message: Some(error.to_string()),
                sender_fault: true,
            }),
        }
    }
    let successful = accepted.iter().map(|(id, message_id, _)| PublishBatchResultEntry {
        id: Some(id.clone()),
        message_id: Some(message_id.to_string()),
        sequence_number: None,
    });
    let successful = successful.collect();
    let now = ctx.now();
    let write = sns.store.write(move |tx| {
        let topic = find_topic(tx, &name)?;
        for (_, id, entry) in &accepted {
            spread::publish(tx, message(&topic, *id, entry.clone(), now))?;
        }
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(PublishBatchOutput { successful: Some(successful), failed: Some(failed) })
}

fn check_ids(entries: &[PublishBatchRequestEntry]) -> Result<(), Error> {
    if entries.is_empty() {
        return Err(Error::EmptyBatch);
    }
    if entries.len() > MOST_ENTRIES {
        return Err(Error::TooManyEntriesInBatch);
    }
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_id = |id: &str| (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(is_known);
    if !entries.iter().all(|entry| is_id(&entry.id)) {
        return Err(Error::InvalidBatchEntryId);
    }
    let ids: HashSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    if ids.len() == entries.len() { Ok(()) } else { Err(Error::BatchIdsNotDistinct) }
}

fn publication(entry: PublishBatchRequestEntry) -> (String, Publication) {
    let publication = Publication {
        message: entry.message,
        subject: entry.subject,
        message_structure: entry.message_structure,
        message_attributes: entry.message_attributes,
        message_deduplication_id: entry.message_deduplication_id,
    };
    (entry.id, publication)
}
