//! Tags of topics.

use std::collections::BTreeMap;

use aws::{Access, Ctx};
use sns_model::{
    ListTagsForResource, ListTagsForResourceOutput, Tag, TagResource, TagResourceOutput, UntagResource,
    UntagResourceOutput,
};

use super::{find_topic, on_topic};
use crate::Sns;
use crate::error::Error;
use crate::names::TopicName;

/// Tags of one topic at most. Source: SNS API Reference, TagResource.
const LIMIT: usize = 50;

pub(super) async fn access_to_tag(sns: &Sns, ctx: &Ctx, input: &TagResource) -> Result<Vec<Access>, Error> {
    let access = on_topic(sns, ctx, &input.resource_arn).await?;
    Ok(vec![access.with_request_tags(pairs(&input.tags))])
}

pub(super) async fn access_to_untag(
    sns: &Sns,
    ctx: &Ctx,
    input: &UntagResource,
) -> Result<Vec<Access>, Error> {
    let mut access = on_topic(sns, ctx, &input.resource_arn).await?;
    if !input.tag_keys.is_empty() {
        access.context.push(("aws:TagKeys".to_owned(), input.tag_keys.clone()));
    }
    Ok(vec![access])
}

pub(super) async fn access_to_list(
    sns: &Sns,
    ctx: &Ctx,
    input: &ListTagsForResource,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_topic(sns, ctx, &input.resource_arn).await?])
}

/// Errors: `ResourceNotFound`, `TagLimitExceeded`, `InvalidParameter`. Source: SNS API Reference, TagResource.
pub(super) async fn tag_resource(
    sns: &Sns,
    ctx: &Ctx,
    input: TagResource,
) -> Result<TagResourceOutput, Error> {
    change(sns, ctx, &input.resource_arn, move |tags| add(tags, &input.tags)).await?;
    Ok(TagResourceOutput::default())
}

/// Keys that are not there are passed over. Errors: `ResourceNotFound`. Source: SNS API Reference, UntagResource.
pub(super) async fn untag_resource(
    sns: &Sns,
    ctx: &Ctx,
    input: UntagResource,
) -> Result<UntagResourceOutput, Error> {
    let remove = move |tags: &mut BTreeMap<String, String>| {
        tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    };
    change(sns, ctx, &input.resource_arn, remove).await?;
    Ok(UntagResourceOutput::default())
}

/// Errors: `ResourceNotFound`. Source: SNS API Reference, ListTagsForResource.
pub(super) async fn list_tags_for_resource(
    sns: &Sns,
    ctx: &Ctx,
    input: ListTagsForResource,
) -> Result<ListTagsForResourceOutput, Error> {
    let name = TopicName::in_region(&input.resource_arn, "ResourceArn", &ctx.scope)?;
    let read = sns.store.read(move |tx| find_topic(tx, &name).map_err(as_resource));
    let tags = read.await?.tags.into_iter().map(|(key, value)| Tag { key, value });
    Ok(ListTagsForResourceOutput { tags: Some(tags.collect()) })
}

/// Adds tags; the last one of a key counts. Errors: `InvalidParameter`, `TagLimitExceeded`.
pub(super) fn add(tags: &mut BTreeMap<String, String>, new: &[Tag]) -> Result<(), Error> {
    for tag in new {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::invalid("Tag keys starting with aws: are reserved for system use"));
        }
        tags.insert(tag.key.clone(), tag.value.clone());
    }
    if tags.len() > LIMIT { Err(Error::TagLimitExceeded) } else { Ok(()) }
}

pub(super) fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> + Clone {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}

async fn change(
    sns: &Sns,
    ctx: &Ctx,
    arn: &str,
    change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), Error> + Send + 'static,
) -> Result<(), Error> {
    let name = TopicName::in_region(arn, "ResourceArn", &ctx.scope)?;
    let write = sns.store.write(move |tx| {
        let mut topic = find_topic(tx, &name).map_err(as_resource)?;
        change(&mut topic.tags)?;
        tx.put(&topic)?;
        Ok(())
    });
    write.await
}

/// Calls on tags name what is missing in their own way.
fn as_resource(error: Error) -> Error {
    match error {
        Error::TopicNotFound => Error::ResourceNotFound,
        other => other,
    }
}
