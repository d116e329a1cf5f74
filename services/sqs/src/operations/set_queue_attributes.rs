use aws::{Access, Ctx};
use sqs_model::{SetQueueAttributes, SetQueueAttributesOutput};
use store::{ReadTx, Versioned};

use super::{check_readable, on_url};
use crate::error::Error;
use crate::names::QueueName;
use crate::records::{Queue, RedriveAllow, Settings};
use crate::{Sqs, attributes, queueing};

pub(super) async fn access(sqs: &Sqs, ctx: &Ctx, input: &SetQueueAttributes) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "SetQueueAttributes").await?])
}

/// Errors: `QueueDoesNotExist`, `InvalidAttributeName`, `InvalidAttributeValue`, `InvalidParameterValue`.
/// Source: SQS API Reference, SetQueueAttributes.
pub(super) async fn set_queue_attributes(
    sqs: &Sqs,
    ctx: &Ctx,
    input: SetQueueAttributes,
) -> Result<SetQueueAttributesOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    let given = input.attributes;
    if given.contains_key("FifoQueue") {
        return Err(Error::InvalidAttributeName("FifoQueue".to_owned()));
    }
    if let Some(policy) = given.get("Policy") {
        let mut probed = Settings::default();
        attributes::set(&mut probed, &name, [(&"Policy".to_owned(), policy)])?;
        check_readable(sqs, &name, probed.policy.as_ref()).await?;
    }
    let now = ctx.now();
    let write = sqs.store.write(move |tx| {
        let mut queue = queueing::find(tx, &name)?;
        let retention = queue.settings.message_retention_period;
        attributes::set(&mut queue.settings, &name, &given)?;
        if given.contains_key("RedrivePolicy") {
            check_dead_letter_queue(tx, &queue)?;
        }
        queue.modified = now;
        tx.put(&queue)?;
        if queue.settings.message_retention_period != retention {
            queueing::reschedule_expiry(tx, queue.messages, &queue.name)?;
        }
        // Who waits may have to wait longer, or shorter.
        tx.tell(&name.news());
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(SetQueueAttributesOutput::default())
}

/// Whether the queue that is to get the dead letters is there and takes them. Errors: `InvalidParameterValue`.
pub(super) fn check_dead_letter_queue(tx: &mut ReadTx<'_>, queue: &Queue) -> Result<(), Error> {
    let Some(redrive) = &queue.settings.redrive else { return Ok(()) };
    let refused = |reason: &str| Error::value(&redrive.target_arn, "RedrivePolicy", reason);
    let target = QueueName::in_arn(&redrive.target_arn);
    let target = target.ok_or_else(|| refused("Invalid value for deadLetterTargetArn."))?;
    let target = tx.get::<Queue>(&target.key())?.map(Versioned::into_inner);
    let target = target.ok_or_else(|| refused("Dead letter target does not exist."))?;
    let is_admitted = match &target.settings.redrive_allow {
        None | Some(RedriveAllow::All) => true,
        Some(RedriveAllow::Nobody) => false,
        Some(RedriveAllow::Queues(arns)) => arns.contains(&queue.arn()),
    };
    if is_admitted { Ok(()) } else { Err(refused("Dead letter target does not allow this source queue.")) }
}
