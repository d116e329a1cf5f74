use aws::{Access, Ctx, Timestamp};
use sqs_model::{GetQueueAttributes, GetQueueAttributesOutput, QueueAttributeName};

use super::on_url;
use crate::error::Error;
use crate::names::QueueName;
use crate::{Sqs, attributes, queueing};

/// Messages that are too old and taken away in one transaction, before the others are counted.
const EXPIRED_AT_ONCE: usize = 200;

pub(super) async fn access(sqs: &Sqs, ctx: &Ctx, input: &GetQueueAttributes) -> Result<Vec<Access>, Error> {
    Ok(vec![on_url(sqs, ctx, &input.queue_url, "GetQueueAttributes").await?])
}

/// Errors: `QueueDoesNotExist`. Source: SQS API Reference, GetQueueAttributes.
pub(super) async fn get_queue_attributes(
    sqs: &Sqs,
    ctx: &Ctx,
    input: GetQueueAttributes,
) -> Result<GetQueueAttributesOutput, Error> {
    let name = QueueName::in_url(&input.queue_url, &ctx.scope)?;
    let names = input.attribute_names.unwrap_or_default();
    let now = Timestamp::now().as_millis();
    forget_expired(sqs, &name, now).await?;
    let read = sqs.store.read(move |tx| {
        let queue = queueing::find(tx, &name)?;
        let counts = queueing::counts(tx, &queue, now)?;
        Ok::<_, Error>(attributes::shown(&queue, &counts))
    });
    let mut shown = read.await?;
    let wants_all = names.contains(&QueueAttributeName::All);
    shown.retain(|name, _| wants_all || names.iter().any(|wanted| wanted.as_str() == name));
    Ok(GetQueueAttributesOutput { attributes: (!shown.is_empty()).then_some(shown) })
}

/// So that the counts are true at that time.
async fn forget_expired(sqs: &Sqs, name: &QueueName, now: i64) -> Result<(), Error> {
    loop {
        let of = name.clone();
        let read = sqs.store.read(move |tx| {
            let queue = queueing::find(tx, &of)?;
            queueing::has_expired(tx, &queue, now)
        });
        if !read.await? {
            return Ok(());
        }
        let of = name.clone();
        let write = sqs.store.write(move |tx| {
            let queue = queueing::find(tx, &of)?;
            queueing::expire(tx, &queue, now, EXPIRED_AT_ONCE)
        });
        write.await?;
    }
}
