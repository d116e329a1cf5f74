use aws::{Access, Ctx};
use sns_model::{SetTopicAttributes, SetTopicAttributesOutput};

use super::{find_topic, on_topic, topic_attributes};
use crate::Sns;
use crate::error::Error;
use crate::names::TopicName;

pub(super) async fn access(sns: &Sns, ctx: &Ctx, input: &SetTopicAttributes) -> Result<Vec<Access>, Error> {
    Ok(vec![on_topic(sns, ctx, &input.topic_arn).await?])
}

/// Errors: `TopicNotFound`, `InvalidParameter`, `NotImplemented`. Source: SNS API Reference, SetTopicAttributes.
pub(super) async fn set_topic_attributes(
    sns: &Sns,
    ctx: &Ctx,
    input: SetTopicAttributes,
) -> Result<SetTopicAttributesOutput, Error> {
    let name = TopicName::in_region(&input.topic_arn, "TopicArn", &ctx.scope)?;
    let of = name.clone();
    let mut changed = sns.store.read(move |tx| find_topic(tx, &of)).await?;
    let attribute = input.attribute_name;
    topic_attributes::set(sns, &mut changed, &attribute, &input.attribute_value.unwrap_or_default()).await?;
    let write = sns.store.write(move |tx| {
        // Only what the call sets: others may have set something else meanwhile.
        let mut topic = find_topic(tx, &name)?;
        match attribute.as_str() {
            "DisplayName" => topic.display_name.clone_from(&changed.display_name),
            "Policy" => topic.policy.clone_from(&changed.policy),
            "DeliveryPolicy" => topic.delivery_policy.clone_from(&changed.delivery_policy),
            "SignatureVersion" => topic.signature_version = changed.signature_version,
            _ => {}
        }
        tx.put(&topic)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(SetTopicAttributesOutput::default())
}
