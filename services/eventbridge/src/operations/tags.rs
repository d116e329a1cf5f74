//! Tags of buses and rules.

use std::collections::BTreeMap;

use aws::{Access, Arn, Ctx, Scope};
use events_model::{
    ListTagsForResource, ListTagsForResourceOutput, Tag, TagResource, TagResourceOutput, UntagResource,
    UntagResourceOutput,
};

use super::{find_bus, find_rule};
use crate::EventBridge;
use crate::error::Error;
use crate::records::{Bus, DEFAULT_BUS, Rule};

/// Tags of one resource at most. Source: EventBridge API Reference, TagResource.
const LIMIT: usize = 50;

/// A resource that can have tags.
enum Tagged {
    Bus(String),
    Rule { bus: String, name: String },
}

pub(super) async fn tag_resource(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: TagResource,
) -> Result<TagResourceOutput, Error> {
    change(eventbridge, ctx, &input.resource_arn, move |tags| add(tags, &input.tags)).await?;
    Ok(TagResourceOutput::default())
}

/// Keys that are not there are passed over.
pub(super) async fn untag_resource(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: UntagResource,
) -> Result<UntagResourceOutput, Error> {
    let remove = move |tags: &mut BTreeMap<String, String>| {
        tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    };
    change(eventbridge, ctx, &input.resource_arn, remove).await?;
    Ok(UntagResourceOutput::default())
}

pub(super) async fn list_tags_for_resource(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: ListTagsForResource,
) -> Result<ListTagsForResourceOutput, Error> {
    let (scope, tagged) = (ctx.scope.clone(), Tagged::of(&ctx.scope, &input.resource_arn)?);
    let read = eventbridge.store.read(move |tx| match &tagged {
        Tagged::Bus(name) => Ok::<_, Error>(find_bus(tx, &scope, name)?.tags),
        Tagged::Rule { bus, name } => Ok(find_rule(tx, &scope, bus, name)?.tags),
    });
    let tags = read.await?.into_iter().map(|(key, value)| Tag { key, value });
    Ok(ListTagsForResourceOutput { tags: Some(tags.collect()) })
}

pub(super) async fn access_to_tag(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &TagResource,
) -> Result<Vec<Access>, Error> {
    let access = access(eventbridge, ctx, &input.resource_arn).await?;
    Ok(vec![access.with_request_tags(pairs(&input.tags))])
}

pub(super) async fn access_to_untag(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &UntagResource,
) -> Result<Vec<Access>, Error> {
    let mut access = access(eventbridge, ctx, &input.resource_arn).await?;
    if !input.tag_keys.is_empty() {
        access.context.push(("aws:TagKeys".to_owned(), input.tag_keys.clone()));
    }
    Ok(vec![access])
}

pub(super) async fn access_to_list(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &ListTagsForResource,
) -> Result<Vec<Access>, Error> {
    Ok(vec![access(eventbridge, ctx, &input.resource_arn).await?])
}

/// With the tags that the resource has. A resource that is not there is for the handler to refuse.
async fn access(eventbridge: &EventBridge, ctx: &Ctx, arn: &str) -> Result<Access, Error> {
    let access = Access::to(arn);
    let Ok(tagged) = Tagged::of(&ctx.scope, arn) else { return Ok(access) };
    let scope = ctx.scope.clone();
    let read = eventbridge.store.read(move |tx| {
        Ok::<_, Error>(match &tagged {
            Tagged::Bus(name) => Bus::find(tx, &scope, name)?.map(|bus| bus.tags),
            Tagged::Rule { bus, name } => {
                tx.get::<Rule>(&Rule::key_of(&scope, bus, name))?.map(|rule| rule.into_inner().tags)
            }
        })
    });
    let tags = read.await?.unwrap_or_default();
    Ok(access.with_resource_tags(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
}

/// The accesses of a call that makes a resource with tags: those to the resource with the tags, and to tag it.
pub(super) fn with_tagging(accesses: Vec<Access>, tags: Option<&[Tag]>) -> Vec<Access> {
    let Some(tags) = tags.filter(|tags| !tags.is_empty()) else { return accesses };
    let tagging: Vec<Access> =
        accesses.iter().map(|access| Access::to(&access.resource).action("events:TagResource")).collect();
    accesses.into_iter().chain(tagging).map(|access| access.with_request_tags(pairs(tags))).collect()
}

/// Adds tags to those of a resource; the last one of a key counts. Errors: `Validation`, `LimitExceeded`.
pub(super) fn add(tags: &mut BTreeMap<String, String>, new: &[Tag]) -> Result<(), Error> {
    for tag in new {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::validation("Tag keys starting with aws: are reserved for system use."));
        }
        tags.insert(tag.key.clone(), tag.value.clone());
    }
    if tags.len() > LIMIT { Err(Error::LimitExceeded) } else { Ok(()) }
}

async fn change(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    arn: &str,
    change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), Error> + Send + 'static,
) -> Result<(), Error> {
    let (scope, tagged) = (ctx.scope.clone(), Tagged::of(&ctx.scope, arn)?);
    let write = eventbridge.store.write(move |tx| {
        match &tagged {
            Tagged::Bus(name) => {
                let mut bus = find_bus(tx, &scope, name)?;
                change(&mut bus.tags)?;
                tx.put(&bus)?;
            }
            Tagged::Rule { bus, name } => {
                let mut rule = find_rule(tx, &scope, bus, name)?;
                change(&mut rule.tags)?;
                tx.put(&rule)?;
            }
        }
        Ok(())
    });
    write.await
}

impl Tagged {
    /// Errors: `ResourceNotFound` for what is not of this account and region, or not of a kind that has tags.
    fn of(scope: &Scope, arn: &str) -> Result<Self, Error> {
        let not_found = || Error::ResourceNotFound(arn.chars().take(200).collect());
        let parsed: Arn = arn.parse().map_err(|_| not_found())?;
        if parsed != scope.arn("events", &parsed.resource) {
            return Err(not_found());
        }
        if let Some(bus) = parsed.resource.strip_prefix("event-bus/") {
            return Ok(Self::Bus(bus.to_owned()));
        }
        let rule = parsed.resource.strip_prefix("rule/").ok_or_else(not_found)?;
        let (bus, name) = rule.rsplit_once('/').unwrap_or((DEFAULT_BUS, rule));
        Ok(Self::Rule { bus: bus.to_owned(), name: name.to_owned() })
    }
}

fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> + Clone {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}
