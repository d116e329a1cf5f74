use aws::{Access, Ctx, Timestamp};
use sns_model::{Publish, PublishOutput};
use uuid::Uuid;

use super::publication::{Accepted, Publication};
use super::{find_topic, on_topic};
use crate::Sns;
use crate::delivery::spread;
use crate::error::Error;
use crate::names::TopicName;
use crate::records::{Message, Topic};

pub(super) async fn access(sns: &Sns, ctx: &Ctx, input: &Publish) -> Result<Vec<Access>, Error> {
    match input.topic_arn.as_ref().or(input.target_arn.as_ref()) {
        Some(arn) => Ok(vec![on_topic(sns, ctx, arn).await?]),
        None => Ok(vec![Access::any().action("SNS:Publish")]),
    }
}

/// Takes a message for all subscribers of a topic. Once it is answered, the message is not lost any more.
/// Errors: `TopicNotFound`, `InvalidParameter`, `InvalidValue`, `NotImplemented`. Source: SNS API Reference, Publish.
pub(super) async fn publish(sns: &Sns, ctx: &Ctx, input: Publish) -> Result<PublishOutput, Error> {
    if input.phone_number.is_some() {
        return Err(Error::not_implemented("Text messages (SMS) are"));
    }
    let arn = match (input.topic_arn, input.target_arn) {
        (Some(arn), None) | (None, Some(arn)) => arn,
        (Some(_), Some(_)) => {
            let reason = "TopicArn or TargetArn Reason: both TargetArn and TopicArn were provided";
            return Err(Error::invalid(reason));
        }
        (None, None) => {
            let reason = "TopicArn or TargetArn Reason: no value for required parameter";
            return Err(Error::invalid(reason));
        }
    };
    if arn.split(':').nth(5).is_some_and(|resource| resource.starts_with("endpoint/")) {
        return Err(Error::not_implemented("Push notifications to mobile devices are"));
    }
    let name = TopicName::in_region(&arn, "TopicArn", &ctx.scope)?;
    let publication = Publication {
        message: input.message,
        subject: input.subject,
        message_structure: input.message_structure,
        message_attributes: input.message_attributes,
        message_deduplication_id: input.message_deduplication_id,
    };
    let accepted = publication.accept()?;
    let (id, now) = (Uuid::new_v4(), ctx.now());
    let write = sns.store.write(move |tx| {
        let topic = find_topic(tx, &name)?;
        spread::publish(tx, message(&topic, id, accepted.clone(), now))?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(PublishOutput { message_id: Some(id.to_string()), sequence_number: None })
}

pub(super) fn message(topic: &Topic, id: Uuid, accepted: Accepted, now: Timestamp) -> Message {
    Message {
        id,
        topic_id: topic.id,
        subject: accepted.subject,
        text: accepted.text,
        attributes: accepted.attributes,
        published: now,
        pending: 0,
        spreading: false,
    }
}
