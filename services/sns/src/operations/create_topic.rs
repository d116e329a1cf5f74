use std::collections::BTreeMap;

use aws::{Access, Ctx};
use sns_model::{CreateTopic, CreateTopicOutput};
use uuid::Uuid;

use super::{tags, topic_attributes};
use crate::Sns;
use crate::error::Error;
use crate::names::TopicName;
use crate::records::Topic;

pub(super) async fn access(_sns: &Sns, ctx: &Ctx, input: &CreateTopic) -> Result<Vec<Access>, Error> {
    let arn = ctx.scope.arn("sns", &input.name);
    let given = input.tags.as_deref().unwrap_or_default();
    let mut accesses = vec![Access::to(&arn).action("SNS:CreateTopic").with_request_tags(tags::pairs(given))];
    if !given.is_empty() {
        accesses.push(Access::to(arn).action("SNS:TagResource").with_request_tags(tags::pairs(given)));
    }
    Ok(accesses)
}

/// Makes a topic. One of the same name is answered if attributes and tags, as far as they are given, are the same.
/// Errors: `InvalidParameter`, `TagLimitExceeded`, `NotImplemented`. Source: SNS API Reference, CreateTopic.
pub(super) async fn create_topic(
    sns: &Sns,
    ctx: &Ctx,
    input: CreateTopic,
) -> Result<CreateTopicOutput, Error> {
    check_name(&input.name)?;
    if input.data_protection_policy.is_some() {
        return Err(Error::not_implemented("Data protection policies are"));
    }
    let name = TopicName { scope: ctx.scope.clone(), name: input.name };
    let given = input.attributes.unwrap_or_default();
    let mut new = Topic {
        id: Uuid::new_v4(),
        scope: name.scope.clone(),
        name: name.name.clone(),
        display_name: String::new(),
        policy: None,
        delivery_policy: None,
        signature_version: 1,
        tags: BTreeMap::new(),
        created: ctx.now(),
    };
    tags::add(&mut new.tags, input.tags.as_deref().unwrap_or_default())?;
    for (attribute, value) in &given {
        topic_attributes::set(sns, &mut new, attribute, value).await?;
    }
    let has_tags = input.tags.is_some_and(|tags| !tags.is_empty());
    let write = sns.store.write(move |tx| {
        let Some(known) = tx.get::<Topic>(&Topic::key_of(&name))? else {
            tx.put(&new)?;
            return Ok(new.arn());
        };
        let differs = |attribute: &String| !topic_attributes::is_same(&known, &new, attribute);
        if given.keys().any(differs) {
            return Err(Error::invalid("Attributes Reason: Topic already exists with different attributes"));
        }
        if has_tags && known.tags != new.tags {
            return Err(Error::invalid("Tags Reason: Topic already exists with different tags"));
        }
        Ok(known.arn())
    });
    Ok(CreateTopicOutput { topic_arn: Some(write.await?) })
}

fn check_name(name: &str) -> Result<(), Error> {
    if name.ends_with(".fifo") {
        return Err(Error::not_implemented("FIFO topics are"));
    }
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match (1..=256).contains(&name.len()) && name.bytes().all(is_known) {
        true => Ok(()),
        false => Err(Error::invalid("Topic Name")),
    }
}
