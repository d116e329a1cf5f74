//! Tags of rules.

use std::collections::BTreeMap;

use aws::{Access, Ctx};
use codestar_notifications_model::{
    ListTagsForResource, ListTagsForResourceOutput, TagResource, TagResourceOutput, UntagResource,
    UntagResourceOutput,
};

use super::{find_rule, on_rule};
use crate::CodeStarNotifications;
use crate::error::Error;

/// Tags of one rule at most.
const LIMIT: usize = 50;

pub(super) async fn access_to_list(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: &ListTagsForResource,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_rule(notifications, ctx, &input.arn).await?])
}

pub(super) async fn access_to_tag(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: &TagResource,
) -> Result<Vec<Access>, Error> {
    let access = on_rule(notifications, ctx, &input.arn).await?;
    Ok(vec![access.with_request_tags(pairs(Some(&input.tags)))])
}

pub(super) async fn access_to_untag(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: &UntagResource,
) -> Result<Vec<Access>, Error> {
    let mut access = on_rule(notifications, ctx, &input.arn).await?;
    if !input.tag_keys.is_empty() {
        access.context.push(("aws:TagKeys".to_owned(), input.tag_keys.clone()));
    }
    Ok(vec![access])
}

/// Errors: `RuleNotFound`. Source: CodeStar Notifications API Reference, ListTagsForResource.
pub(super) async fn list_tags_for_resource(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: ListTagsForResource,
) -> Result<ListTagsForResourceOutput, Error> {
    let scope = ctx.scope.clone();
    let read = notifications.store.read(move |tx| find_rule(tx, &scope, &input.arn));
    Ok(ListTagsForResourceOutput { tags: Some(read.await?.tags) })
}

/// Answers all tags. Errors: `RuleNotFound`, `Validation`, `LimitExceeded`.
/// Source: CodeStar Notifications API Reference, TagResource.
pub(super) async fn tag_resource(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: TagResource,
) -> Result<TagResourceOutput, Error> {
    let scope = ctx.scope.clone();
    let write = notifications.store.write(move |tx| {
        let mut rule = find_rule(tx, &scope, &input.arn)?;
        rule.tags.extend(input.tags.clone());
        check(&rule.tags)?;
        tx.put(&rule)?;
        Ok::<_, Error>(rule.tags)
    });
    Ok(TagResourceOutput { tags: Some(write.await?) })
}

/// Keys that are not there are passed over. Errors: `RuleNotFound`.
/// Source: CodeStar Notifications API Reference, UntagResource.
pub(super) async fn untag_resource(
    notifications: &CodeStarNotifications,
    ctx: &Ctx,
    input: UntagResource,
) -> Result<UntagResourceOutput, Error> {
    let scope = ctx.scope.clone();
    let write = notifications.store.write(move |tx| {
        let mut rule = find_rule(tx, &scope, &input.arn)?;
        rule.tags.retain(|key, _| !input.tag_keys.contains(key));
        tx.put(&rule)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(UntagResourceOutput::default())
}

/// Errors: `Validation` for keys that are AWS's own, `LimitExceeded`.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if tags.keys().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(Error::validation("Tag keys that begin with aws: are reserved."));
    }
    if tags.len() > LIMIT {
        return Err(Error::LimitExceeded(format!("A notification rule can have {LIMIT} tags at most.")));
    }
    Ok(())
}

pub(super) fn pairs(tags: Option<&BTreeMap<String, String>>) -> impl Iterator<Item = (&str, &str)> {
    tags.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
}
