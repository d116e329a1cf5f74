//! Tags of secrets. Source: Secrets Manager API Reference, TagResource and UntagResource.

use std::collections::BTreeMap;

use aws::{Access, Ctx};
use secretsmanager_model::{Tag, TagResource, TagResourceOutput, UntagResource, UntagResourceOutput};

use super::find_live;
use crate::SecretsManager;
use crate::error::Error;

/// Of one secret.
const MOST_TAGS: usize = 50;

/// Errors: `NotFound`, `MarkedForDeletion`, `InvalidParameter`.
pub(super) async fn tag_resource(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: TagResource,
) -> Result<TagResourceOutput, Error> {
    let new = input.tags;
    changed(secretsmanager, ctx, input.secret_id, move |tags| add(tags, &new)).await?;
    Ok(TagResourceOutput::default())
}

/// Keys that are not there are passed over. Errors: `NotFound`, `MarkedForDeletion`.
pub(super) async fn untag_resource(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: UntagResource,
) -> Result<UntagResourceOutput, Error> {
    let keys = input.tag_keys;
    let change = move |tags: &mut BTreeMap<String, String>| {
        tags.retain(|key, _| !keys.contains(key));
        Ok(())
    };
    changed(secretsmanager, ctx, input.secret_id, change).await?;
    Ok(UntagResourceOutput::default())
}

pub(super) async fn access_to_tag(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: &TagResource,
) -> Result<Vec<Access>, Error> {
    let accesses = super::access(secretsmanager, ctx, input).await?;
    Ok(accesses.into_iter().map(|access| access.with_request_tags(pairs(&input.tags))).collect())
}

pub(super) async fn access_to_untag(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: &UntagResource,
) -> Result<Vec<Access>, Error> {
    let mut accesses = super::access(secretsmanager, ctx, input).await?;
    for access in accesses.iter_mut().filter(|_| !input.tag_keys.is_empty()) {
        access.context.push(("aws:TagKeys".to_owned(), input.tag_keys.clone()));
    }
    Ok(accesses)
}

/// Adds tags to those of a secret; the last one of a key counts. Errors: `InvalidParameter`.
pub(super) fn add(tags: &mut BTreeMap<String, String>, new: &[Tag]) -> Result<(), Error> {
    for tag in new {
        let Some(key) = &tag.key else { return Err(Error::parameter("A tag has no key.")) };
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::parameter("Tag keys starting with aws: are reserved for system use."));
        }
        tags.insert(key.clone(), tag.value.clone().unwrap_or_default());
    }
    match tags.len() > MOST_TAGS {
        true => Err(Error::parameter(format!("A secret can't have more than {MOST_TAGS} tags."))),
        false => Ok(()),
    }
}

pub(super) fn shown(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

pub(super) fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> + Clone {
    tags.iter().filter_map(|tag| Some((tag.key.as_deref()?, tag.value.as_deref().unwrap_or_default())))
}

async fn changed(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    given: String,
    change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), Error> + Send + 'static,
) -> Result<(), Error> {
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let write = secretsmanager.store.write(move |tx| {
        let mut secret = find_live(tx, &scope, &given, now)?;
        change(&mut secret.tags)?;
        secret.changed = now;
        tx.put(&secret)?;
        Ok(())
    });
    write.await
}
