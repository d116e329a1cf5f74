use aws::{Access, Ctx};
use sns_model::{DeleteTopic, DeleteTopicOutput};

use super::on_topic;
use crate::Sns;
use crate::delivery::cleanup;
use crate::error::Error;
use crate::names::TopicName;
use crate::records::Topic;

pub(super) async fn access(sns: &Sns, ctx: &Ctx, input: &DeleteTopic) -> Result<Vec<Access>, Error> {
    Ok(vec![on_topic(sns, ctx, &input.topic_arn).await?])
}

/// Deletes a topic with its subscriptions; messages that were not delivered yet are not delivered any more. One that is
/// not there is deleted already. Errors: `InvalidParameter`. Source: SNS API Reference, DeleteTopic.
pub(super) async fn delete_topic(
    sns: &Sns,
    ctx: &Ctx,
    input: DeleteTopic,
) -> Result<DeleteTopicOutput, Error> {
    let name = TopicName::in_region(&input.topic_arn, "TopicArn", &ctx.scope)?;
    let write = sns.store.write(move |tx| {
        let Some(topic) = tx.get::<Topic>(&Topic::key_of(&name))? else { return Ok(()) };
        tx.delete::<Topic>(&Topic::key_of(&name))?;
        cleanup::topic_deleted(tx, topic.id)
    });
    write.await?;
    Ok(DeleteTopicOutput::default())
}
