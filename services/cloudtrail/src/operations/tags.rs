//! Tags of trails.

use std::collections::BTreeMap;

use aws::Ctx;
use cloudtrail_model::{
    AddTags, AddTagsOutput, ListTags, ListTagsOutput, RemoveTags, RemoveTagsOutput, ResourceTag, Tag,
};

use super::{TrailName, find, find_at_home};
use crate::CloudTrail;
use crate::error::Error;
use crate::records::Trail;

/// Of one trail. Source: CloudTrail API Reference, AddTags.
const LIMIT: usize = 50;
/// Trails that one call asks for at most. Source: CloudTrail API Reference, ListTags.
const MOST_RESOURCES: usize = 20;

/// Errors: `ResourceNotFound`, `InvalidArn`, `InvalidTag`, `TooManyTags`, `ResourceTypeNotSupported`.
/// Source: CloudTrail API Reference, AddTags.
pub(super) async fn add_tags(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: AddTags,
) -> Result<AddTagsOutput, Error> {
    let given = input.tags_list;
    change(cloudtrail, ctx, &input.resource_id, move |tags| add(tags, &given)).await?;
    Ok(AddTagsOutput::default())
}

/// Keys that are not there are passed over, and values do not matter.
/// Errors: as AddTags. Source: CloudTrail API Reference, RemoveTags.
pub(super) async fn remove_tags(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: RemoveTags,
) -> Result<RemoveTagsOutput, Error> {
    let given = input.tags_list;
    let remove = move |tags: &mut BTreeMap<String, String>| {
        tags.retain(|key, _| !given.iter().any(|tag| tag.key == *key));
        Ok(())
    };
    change(cloudtrail, ctx, &input.resource_id, remove).await?;
    Ok(RemoveTagsOutput::default())
}

/// Errors: as AddTags, `InvalidToken`. Source: CloudTrail API Reference, ListTags.
pub(super) async fn list_tags(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: ListTags,
) -> Result<ListTagsOutput, Error> {
    // All come at once, so no token was ever given out.
    if input.next_token.is_some() {
        return Err(Error::InvalidToken);
    }
    if input.resource_id_list.len() > MOST_RESOURCES {
        let message = format!("ResourceIdList may have up to {MOST_RESOURCES} members.");
        return Err(Error::Passed(aws::Error::validation(message)));
    }
    let names: Vec<TrailName> =
        input.resource_id_list.iter().map(|id| name_of(ctx, id)).collect::<Result<_, _>>()?;
    let ctx = ctx.clone();
    let read = cloudtrail.store.read(move |tx| {
        let found = names.iter().map(|name| find(tx, &ctx, name).map_err(|error| not_found(error, name)));
        found.collect::<Result<Vec<Trail>, Error>>()
    });
    let shown = read.await?.into_iter().map(|trail| ResourceTag {
        resource_id: Some(trail.arn()),
        tags_list: Some(trail.tags.into_iter().map(|(key, value)| Tag { key, value: Some(value) }).collect()),
    });
    Ok(ListTagsOutput { resource_tag_list: Some(shown.collect()), next_token: None })
}

/// Adds tags, whose new values win. Errors: `InvalidTag`, `TooManyTags`.
pub(super) fn add(tags: &mut BTreeMap<String, String>, given: &[Tag]) -> Result<(), Error> {
    for tag in given {
        if tag.key.to_lowercase().starts_with("aws:") {
            return Err(Error::InvalidTag(format!(
                "The tag key {} begins with aws:, which is reserved.",
                tag.key
            )));
        }
        let is_tag = |text: &str| {
            text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c))
        };
        let value = tag.value.clone().unwrap_or_default();
        if !is_tag(&tag.key) || !is_tag(&value) {
            return Err(Error::InvalidTag(format!(
                "The tag {} has characters that tags cannot have.",
                tag.key
            )));
        }
        tags.insert(tag.key.clone(), value);
    }
    if tags.len() > LIMIT { Err(Error::TooManyTags(LIMIT)) } else { Ok(()) }
}

async fn change(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    id: &str,
    change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), Error> + Send + 'static,
) -> Result<(), Error> {
    let (name, ctx) = (name_of(ctx, id)?, ctx.clone());
    let write = cloudtrail.store.write(move |tx| {
        let mut trail = find_at_home(tx, &ctx, &name).map_err(|error| not_found(error, &name))?;
        change(&mut trail.tags)?;
        tx.put(&trail)?;
        Ok(())
    });
    write.await
}

/// By ARN alone. Errors: `InvalidArn`, `ResourceTypeNotSupported` for what is no trail.
fn name_of(ctx: &Ctx, id: &str) -> Result<TrailName, Error> {
    if !id.starts_with("arn:") {
        return Err(Error::InvalidArn(id.to_owned()));
    }
    let is_other =
        ["eventdatastore/", "channel/", "dashboard/"].iter().any(|kind| id.contains(&format!(":{kind}")));
    if is_other { Err(Error::ResourceTypeNotSupported(id.to_owned())) } else { TrailName::of(ctx, id) }
}

/// Tags are of resources, which are not found in other words than trails.
fn not_found(error: Error, name: &TrailName) -> Error {
    match error {
        Error::TrailNotFound { .. } | Error::InvalidHomeRegion { .. } => {
            Error::ResourceNotFound(name.given.clone())
        }
        other => other,
    }
}
