use std::collections::BTreeMap;

use aws::{Arn, Ctx};
use logs_model::{
    ListTagsForResource, ListTagsForResourceOutput, ListTagsLogGroup, ListTagsLogGroupOutput, TagLogGroup,
    TagLogGroupOutput, TagResource, TagResourceOutput, UntagLogGroup, UntagLogGroupOutput, UntagResource,
    UntagResourceOutput,
};

use crate::error::Error;
use crate::{Logs, service};

const MOST_TAGS: usize = 50;

pub async fn list_tags_for_resource(
    logs: &Logs,
    ctx: &Ctx,
    input: ListTagsForResource,
) -> Result<ListTagsForResourceOutput, Error> {
    let name = named(ctx, &input.resource_arn)?;
    Ok(ListTagsForResourceOutput { tags: Some(tags_of(logs, ctx, name).await.map_err(as_resource)?) })
}

pub async fn list_tags_log_group(
    logs: &Logs,
    ctx: &Ctx,
    input: ListTagsLogGroup,
) -> Result<ListTagsLogGroupOutput, Error> {
    Ok(ListTagsLogGroupOutput { tags: Some(tags_of(logs, ctx, input.log_group_name).await?) })
}

pub async fn tag_resource(logs: &Logs, ctx: &Ctx, input: TagResource) -> Result<TagResourceOutput, Error> {
    let name = named(ctx, &input.resource_arn)?;
    add(logs, ctx, name, input.tags).await.map_err(as_resource)?;
    Ok(TagResourceOutput::default())
}

pub async fn tag_log_group(logs: &Logs, ctx: &Ctx, input: TagLogGroup) -> Result<TagLogGroupOutput, Error> {
    add(logs, ctx, input.log_group_name, input.tags).await.map_err(as_older)?;
    Ok(TagLogGroupOutput::default())
}

pub async fn untag_resource(
    logs: &Logs,
    ctx: &Ctx,
    input: UntagResource,
) -> Result<UntagResourceOutput, Error> {
    let name = named(ctx, &input.resource_arn)?;
    remove(logs, ctx, name, input.tag_keys).await.map_err(as_resource)?;
    Ok(UntagResourceOutput::default())
}

pub async fn untag_log_group(
    logs: &Logs,
    ctx: &Ctx,
    input: UntagLogGroup,
) -> Result<UntagLogGroupOutput, Error> {
    remove(logs, ctx, input.log_group_name, input.tags).await?;
    Ok(UntagLogGroupOutput::default())
}

/// The group in an ARN, which must be of the caller's account and region.
fn named(ctx: &Ctx, resource_arn: &str) -> Result<String, Error> {
    let arn: Arn = resource_arn.parse().map_err(|_| Error::invalid("The ARN is invalid."))?;
    let name = arn.resource.strip_prefix("log-group:").ok_or(Error::NoSuchResource)?;
    let own = arn.service == "logs"
        && arn.account == ctx.scope.account.as_str()
        && arn.region == ctx.scope.region.as_str();
    if own { Ok(name.trim_end_matches(":*").to_owned()) } else { Err(Error::NoSuchResource) }
}

fn as_resource(error: Error) -> Error {
    match error {
        Error::NoSuchGroup => Error::NoSuchResource,
        other => other,
    }
}

/// The older operation has no error of its own for too many tags.
fn as_older(error: Error) -> Error {
    match error {
        Error::TooManyTags => Error::invalid(error.to_string()),
        other => other,
    }
}

async fn tags_of(logs: &Logs, ctx: &Ctx, name: String) -> Result<BTreeMap<String, String>, Error> {
    let scope = ctx.scope.clone();
    logs.store.read(move |tx| Ok(service::group(tx, &scope, &name)?.tags)).await
}

async fn add(logs: &Logs, ctx: &Ctx, name: String, tags: BTreeMap<String, String>) -> Result<(), Error> {
    let scope = ctx.scope.clone();
    logs.store
        .write(move |tx| {
            let mut group = service::group(tx, &scope, &name)?;
            group.tags.extend(tags.clone());
            if group.tags.len() > MOST_TAGS {
                return Err(Error::TooManyTags);
            }
            tx.put(&group)?;
            Ok(())
        })
        .await
}

/// Keys that are not there are passed over.
async fn remove(logs: &Logs, ctx: &Ctx, name: String, keys: Vec<String>) -> Result<(), Error> {
    let scope = ctx.scope.clone();
    logs.store
        .write(move |tx| {
            let mut group = service::group(tx, &scope, &name)?;
            group.tags.retain(|key, _| !keys.contains(key));
            tx.put(&group)?;
            Ok(())
        })
        .await
}
