use aws::{Access, Ctx};
use sns_model::{GetTopicAttributes, GetTopicAttributesOutput};

use super::topic_attributes::{self, Counts};
use super::{find_topic, on_topic};
use crate::Sns;
use crate::error::Error;
use crate::names::TopicName;
use crate::records::{Status, Subscription};

pub(super) async fn access(sns: &Sns, ctx: &Ctx, input: &GetTopicAttributes) -> Result<Vec<Access>, Error> {
    Ok(vec![on_topic(sns, ctx, &input.topic_arn).await?])
}

/// Errors: `TopicNotFound`, `InvalidParameter`. Source: SNS API Reference, GetTopicAttributes.
pub(super) async fn get_topic_attributes(
    sns: &Sns,
    ctx: &Ctx,
    input: GetTopicAttributes,
) -> Result<GetTopicAttributesOutput, Error> {
    let name = TopicName::in_region(&input.topic_arn, "TopicArn", &ctx.scope)?;
    let read = sns.store.read(move |tx| {
        let topic = find_topic(tx, &name)?;
        let mut count = |status| {
            tx.count_index::<Subscription>(Subscription::STATUS, Subscription::in_status(topic.id, status))
        };
        let counts = Counts {
            confirmed: count(Status::Confirmed)?,
            pending: count(Status::Pending)?,
            deleted: count(Status::Cancelled)?,
        };
        Ok::<_, Error>(topic_attributes::shown(&topic, &counts))
    });
    Ok(GetTopicAttributesOutput { attributes: Some(read.await?) })
}
