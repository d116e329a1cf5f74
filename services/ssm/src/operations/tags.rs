//! Tags of parameters.
//! Source: Systems Manager API Reference, AddTagsToResource, RemoveTagsFromResource, ListTagsForResource.

use std::collections::BTreeMap;

use aws::{Access, Ctx};
use ssm_model::{
    AddTagsToResource, AddTagsToResourceOutput, ListTagsForResource, ListTagsForResourceOutput,
    RemoveTagsFromResource, RemoveTagsFromResourceOutput, ResourceTypeForTagging, Tag,
};

use super::find;
use crate::Ssm;
use crate::error::Error;

/// Of one parameter.
const MOST_TAGS: usize = 50;

/// Errors: `InvalidResourceType`, `InvalidResourceId`, `TooManyTags`, `Validation`.
pub(super) async fn add_tags_to_resource(
    ssm: &Ssm,
    ctx: &Ctx,
    input: AddTagsToResource,
) -> Result<AddTagsToResourceOutput, Error> {
    let new = input.tags;
    let change = move |tags: &mut BTreeMap<String, String>| add(tags, &new);
    changed(ssm, ctx, &input.resource_type, input.resource_id, change).await?;
    Ok(AddTagsToResourceOutput::default())
}

/// Keys that are not there are passed over. Errors: `InvalidResourceType`, `InvalidResourceId`.
pub(super) async fn remove_tags_from_resource(
    ssm: &Ssm,
    ctx: &Ctx,
    input: RemoveTagsFromResource,
) -> Result<RemoveTagsFromResourceOutput, Error> {
    let keys = input.tag_keys;
    let change = move |tags: &mut BTreeMap<String, String>| {
        tags.retain(|key, _| !keys.contains(key));
        Ok(())
    };
    changed(ssm, ctx, &input.resource_type, input.resource_id, change).await?;
    Ok(RemoveTagsFromResourceOutput::default())
}

/// Errors: `InvalidResourceType`, `InvalidResourceId`.
pub(super) async fn list_tags_for_resource(
    ssm: &Ssm,
    ctx: &Ctx,
    input: ListTagsForResource,
) -> Result<ListTagsForResourceOutput, Error> {
    check_type(&input.resource_type)?;
    let scope = ctx.scope.clone();
    let read = ssm.store.read(move |tx| find(tx, &scope, &input.resource_id).map_err(as_resource));
    let tags = read.await?.tags.into_iter().map(|(key, value)| Tag { key, value });
    Ok(ListTagsForResourceOutput { tag_list: Some(tags.collect()) })
}

pub(super) async fn access_to_add(
    ssm: &Ssm,
    ctx: &Ctx,
    input: &AddTagsToResource,
) -> Result<Vec<Access>, Error> {
    let accesses = super::access(ssm, ctx, input).await?;
    Ok(accesses.into_iter().map(|access| access.with_request_tags(pairs(&input.tags))).collect())
}

/// Adds tags to those of a parameter; the last one of a key counts. Errors: `Validation`, `TooManyTags`.
pub(super) fn add(tags: &mut BTreeMap<String, String>, new: &[Tag]) -> Result<(), Error> {
    for tag in new {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::validation("Tag keys starting with aws: are reserved for system use."));
        }
        tags.insert(tag.key.clone(), tag.value.clone());
    }
    if tags.len() > MOST_TAGS { Err(Error::TooManyTags) } else { Ok(()) }
}

pub(super) fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> + Clone {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}

async fn changed(
    ssm: &Ssm,
    ctx: &Ctx,
    resource_type: &ResourceTypeForTagging,
    resource_id: String,
    change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), Error> + Send + 'static,
) -> Result<(), Error> {
    check_type(resource_type)?;
    let scope = ctx.scope.clone();
    let write = ssm.store.write(move |tx| {
        let mut parameter = find(tx, &scope, &resource_id).map_err(as_resource)?;
        change(&mut parameter.tags)?;
        tx.put(&parameter)?;
        Ok(())
    });
    write.await
}

fn check_type(resource_type: &ResourceTypeForTagging) -> Result<(), Error> {
    match resource_type {
        ResourceTypeForTagging::Parameter => Ok(()),
        other => Err(Error::InvalidResourceType(other.as_str().to_owned())),
    }
}

fn as_resource(error: Error) -> Error {
    match error {
        Error::NotFound(name) => Error::InvalidResourceId(name),
        other => other,
    }
}
