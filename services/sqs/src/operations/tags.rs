//! Tags of queues.

use std::collections::BTreeMap;

use aws::{Access, Ctx};
use sqs_model::{ListQueueTags, ListQueueTagsOutput, TagQueue, TagQueueOutput, UntagQueue, UntagQueueOutput};

use super::{change, on_url};
use crate::error::Error;
use crate::names::QueueName;
use crate::{Sqs, queueing};

/// Source: SQS Developer Guide, "Amazon SQS standard queue quotas".
const MOST: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

pub(super) async fn access_to_tag(sqs: &Sqs, ctx: &Ctx, input: &TagQueue) -> Result<Vec<Access>, Error> {
    let access = on_url(sqs, ctx, &input.queue_url, "TagQueue").await?;
    let tags = input.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    Ok(vec![access.with_request_tags(tags)])
}

pub(super) async fn access_to_untag(sqs: &Sqs, ctx: &Ctx, input: &UntagQueue) -> Result<Vec<Access>, Error> {
    let mut access = on_url(sqs, ctx, &input.queue_url, "UntagQueue").await?;
    if !input.tag_keys.is_empty() {
        access.context.push(("aws:TagKeys".to_owned(), input.tag_keys.clone()));
    }
    Ok(vec![access])
}

pub(super) async fn access_to_list(
    sqs: &Sqs,
    ctx: &Ctx,
    input: &ListQueueTags,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "ListQueueTags").await?])
}

/// Errors: `QueueDoesNotExist`, `InvalidParameterValue`. Source: SQS API Reference, TagQueue.
pub(super) async fn tag_queue(sqs: &Sqs, ctx: &Ctx, input: TagQueue) -> Result<TagQueueOutput, Error> {
    let TagQueue { queue_url, tags } = input;
    change(sqs, ctx, &queue_url, move |queue| add(&mut queue.tags, tags.clone())).await?;
    Ok(TagQueueOutput::default())
}

/// Keys that are not there are passed over. Errors: `QueueDoesNotExist`. Source: SQS API Reference, UntagQueue.
pub(super) async fn untag_queue(sqs: &Sqs, ctx: &Ctx, input: UntagQueue) -> Result<UntagQueueOutput, Error> {
    let UntagQueue { queue_url, tag_keys } = input;
    let remove = change(sqs, ctx, &queue_url, move |queue| {
        queue.tags.retain(|key, _| !tag_keys.contains(key));
        Ok(())
    });
    remove.await?;
    Ok(UntagQueueOutput::default())
}

/// Errors: `QueueDoesNotExist`. Source: SQS API Reference, ListQueueTags.
pub(super) async fn list_queue_tags(
    sqs: &Sqs,
    ctx: &Ctx,
    input: ListQueueTags,
) -> Result<ListQueueTagsOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    let tags = sqs.store.read(move |tx| queueing::find(tx, &name)).await?.tags;
    Ok(ListQueueTagsOutput { tags: (!tags.is_empty()).then_some(tags) })
}

/// Errors: `InvalidParameterValue`.
pub(super) fn add(tags: &mut BTreeMap<String, String>, new: aws::Map<String>) -> Result<(), Error> {
    for (key, value) in new {
        let has_length = (1..=LONGEST_KEY).contains(&key.chars().count());
        if !has_length || key.to_ascii_lowercase().starts_with("aws:") {
            let reason =
                "Tag keys must be between 1 and 128 characters in length and cannot start with 'aws:'.";
            return Err(Error::value(key, "Key", reason));
        }
        if value.chars().count() > LONGEST_VALUE {
            return Err(Error::value(value, "Value", "Tag values cannot have more than 256 characters."));
        }
        tags.insert(key, value);
    }
    if tags.len() > MOST {
        return Err(Error::invalid(format!("Too many tags: a queue cannot have more than {MOST}.")));
    }
    Ok(())
}
