use std::collections::BTreeMap;

use aws::{Access, Ctx, Scope};
use sqs_model::{CreateQueue, CreateQueueOutput};
use store::Versioned;
use uuid::Uuid;

use super::{check_readable, set_queue_attributes, tags};
use crate::error::Error;
use crate::names::QueueName;
use crate::records::{Queue, Settings};
use crate::{Sqs, attributes, names};

pub(super) fn access(input: &CreateQueue, scope: &Scope) -> Vec<Access> {
    let arn = scope.arn("sqs", &input.queue_name);
    let tags = input.tags.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
    let mut accesses = vec![Access::to(&arn).with_request_tags(tags.clone())];
    if tags.clone().next().is_some() {
        accesses.push(Access::to(&arn).action("sqs:TagQueue").with_request_tags(tags));
    }
    accesses
}

/// Makes a queue, or answers the one that is there, if its attributes are those asked for.
/// Errors: `QueueNameExists`, `InvalidAttributeName`, `InvalidAttributeValue`, `InvalidParameterValue`.
/// Source: SQS API Reference, CreateQueue.
pub(super) async fn create_queue(
    sqs: &Sqs,
    ctx: &Ctx,
    input: CreateQueue,
) -> Result<CreateQueueOutput, Error> {
    let given = input.attributes.unwrap_or_default();
    names::check(&input.queue_name, attributes::asks_for_fifo(&given)?)?;
    let name = QueueName { scope: ctx.scope.clone(), name: input.queue_name };
    let mut settings = Settings::default();
    attributes::set(&mut settings, &name, &given)?;
    check_readable(sqs, &name, settings.policy.as_ref()).await?;
    let mut new_tags = BTreeMap::new();
    tags::add(&mut new_tags, input.tags.unwrap_or_default())?;
    let url = name.url(&sqs.endpoint);
    let queue = Queue {
        id: Uuid::new_v4(),
        name,
        messages: Uuid::new_v4(),
        settings,
        tags: new_tags,
        created: ctx.now(),
        modified: ctx.now(),
        purged: None,
    };
    let write = sqs.store.write(move |tx| {
        let there = tx.get::<Queue>(&queue.name.key())?.map(Versioned::into_inner);
        if let Some(there) = there {
            return match attributes::difference(&there, &queue.settings, given.keys()) {
                Some(attribute) => Err(Error::QueueNameExists(attribute)),
                None => Ok(()),
            };
        }
        set_queue_attributes::check_dead_letter_queue(tx, &queue)?;
        tx.put(&queue)?;
        Ok(())
    });
    write.await?;
    Ok(CreateQueueOutput { queue_url: Some(url) })
}
