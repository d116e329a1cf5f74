//! Tags of domains, repositories and package groups.

use std::collections::BTreeMap;

use aws::{Access, Arn, Ctx, Scope};
use codeartifact_model::{
    ListTagsForResource, ListTagsForResourceOutput, Tag, TagResource, TagResourceOutput, UntagResource,
    UntagResourceOutput,
};

use percent_encoding::percent_decode_str;

use super::groups;
use crate::CodeArtifact;
use crate::access;
use crate::error::{Error, Resource};
use crate::groups::Pattern;
use crate::names::{DomainName, RepositoryName};
use crate::packages::{find_domain, find_repository};
use crate::settings;

/// Of one resource. Source: CodeArtifact API Reference, TagResource.
const LIMIT: usize = 50;

type Tags = BTreeMap<String, String>;

/// A resource that can have tags.
enum Tagged {
    Domain(DomainName),
    Repository(RepositoryName),
    Group(DomainName, Pattern),
}

pub(super) async fn tag_resource(
    ca: &CodeArtifact,
    _: &Ctx,
    input: TagResource,
) -> Result<TagResourceOutput, Error> {
    change(ca, &input.resource_arn, move |tags| add(tags, &input.tags)).await?;
    Ok(TagResourceOutput::default())
}

/// Keys that are not there are passed over.
pub(super) async fn untag_resource(
    ca: &CodeArtifact,
    _: &Ctx,
    input: UntagResource,
) -> Result<UntagResourceOutput, Error> {
    let remove = move |tags: &mut Tags| {
        tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    };
    change(ca, &input.resource_arn, remove).await?;
    Ok(UntagResourceOutput::default())
}

pub(super) async fn list_tags_for_resource(
    ca: &CodeArtifact,
    _: &Ctx,
    input: ListTagsForResource,
) -> Result<ListTagsForResourceOutput, Error> {
    let tagged = Tagged::of(&input.resource_arn)?;
    let read = ca.store.read(move |tx| match &tagged {
        Tagged::Domain(name) => Ok::<_, Error>(find_domain(tx, name)?.tags),
        Tagged::Repository(name) => Ok(find_repository(tx, name)?.tags),
        Tagged::Group(domain, pattern) => Ok(groups::find(tx, domain, pattern)?.1.tags),
    });
    let tags = read.await?.into_iter().map(|(key, value)| Tag { key, value });
    Ok(ListTagsForResourceOutput { tags: Some(tags.collect()) })
}

pub(super) async fn access_to_tag(
    ca: &CodeArtifact,
    _: &Ctx,
    input: &TagResource,
) -> Result<Vec<Access>, Error> {
    Ok(vec![to(ca, &input.resource_arn).await?.with_request_tags(pairs(&input.tags))])
}

pub(super) async fn access_to_untag(
    ca: &CodeArtifact,
    _: &Ctx,
    input: &UntagResource,
) -> Result<Vec<Access>, Error> {
    let mut access = to(ca, &input.resource_arn).await?;
    if !input.tag_keys.is_empty() {
        access.context.push(("aws:TagKeys".to_owned(), input.tag_keys.clone()));
    }
    Ok(vec![access])
}

pub(super) async fn access_to_list(
    ca: &CodeArtifact,
    _: &Ctx,
    input: &ListTagsForResource,
) -> Result<Vec<Access>, Error> {
    Ok(vec![to(ca, &input.resource_arn).await?])
}

/// A resource that is not there is for the handler to refuse.
async fn to(ca: &CodeArtifact, arn: &str) -> Result<Access, Error> {
    match Tagged::of(arn) {
        Ok(Tagged::Domain(name)) => access::of_domain(ca, &name).await,
        Ok(Tagged::Repository(name)) => {
            let found = access::find(ca, &name).await?;
            Ok(access::on_repository(name.arn(), found.as_ref()))
        }
        // Groups are under the policy of their domain.
        Ok(Tagged::Group(domain, pattern)) => {
            let mut access = access::of_domain(ca, &domain).await?;
            access.resource = groups::arn(&domain, &pattern.to_string());
            Ok(access)
        }
        Err(_) => Ok(Access::to(arn)),
    }
}

/// The accesses of a call that makes a resource with tags: to make it, and to tag it.
pub(super) fn with_tagging(access: Access, tags: Option<&[Tag]>) -> Vec<Access> {
    let Some(tags) = tags.filter(|tags| !tags.is_empty()) else { return vec![access] };
    let tagging = access.clone().action("codeartifact:TagResource");
    [access, tagging].into_iter().map(|access| access.with_request_tags(pairs(tags))).collect()
}

/// The tags of a new resource. Errors: `Validation`, `QuotaExceeded`.
pub(super) fn of(given: Option<&[Tag]>) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    add(&mut tags, given.unwrap_or_default())?;
    Ok(tags)
}

/// The last one of a key counts. Errors: `Validation`, `QuotaExceeded`.
fn add(tags: &mut Tags, new: &[Tag]) -> Result<(), Error> {
    for tag in new {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::field("Tag keys starting with aws: are reserved for system use."));
        }
        tags.insert(tag.key.clone(), tag.value.clone());
    }
    if tags.len() > LIMIT {
        let message = format!("A resource may have {LIMIT} tags at most.");
        return Err(Error::field(message));
    }
    Ok(())
}

/// What tags of repositories choose here. Errors: `Validation`.
pub(super) fn check_settings(tags: &Tags) -> Result<(), Error> {
    tags.iter().try_for_each(|(key, value)| settings::check_tag(key, value))
}

async fn change(
    ca: &CodeArtifact,
    arn: &str,
    change: impl Fn(&mut Tags) -> Result<(), Error> + Send + 'static,
) -> Result<(), Error> {
    let tagged = Tagged::of(arn)?;
    let write = ca.store.write(move |tx| {
        match &tagged {
            Tagged::Domain(name) => {
                let mut domain = find_domain(tx, name)?;
                change(&mut domain.tags)?;
                tx.put(&domain)?;
            }
            Tagged::Repository(name) => {
                let mut repository = find_repository(tx, name)?;
                change(&mut repository.tags)?;
                check_settings(&repository.tags)?;
                tx.put(&repository)?;
            }
            Tagged::Group(domain, pattern) => {
                let (_, mut group) = groups::find(tx, domain, pattern)?;
                change(&mut group.tags)?;
                tx.put(&group)?;
            }
        }
        Ok(())
    });
    write.await
}

impl Tagged {
    /// Errors: `NotFound` for what is of no kind that has tags.
    fn of(arn: &str) -> Result<Self, Error> {
        let not_found = || {
            let shown: String = arn.chars().take(200).collect();
            Error::not_found(Resource::repository(&shown), format!("Resource {shown} does not exist."))
        };
        let parsed: Arn = arn.parse().map_err(|_| not_found())?;
        let account = parsed.account.parse().map_err(|_| not_found())?;
        let region = parsed.region.parse().map_err(|_| not_found())?;
        if parsed.service != "codeartifact" {
            return Err(not_found());
        }
        let scope = Scope::new(account, region);
        if let Some((domain, pattern)) =
            parsed.resource.strip_prefix("package-group/").and_then(|rest| rest.split_once('/'))
        {
            let pattern = percent_decode_str(pattern).decode_utf8().map_err(|_| not_found())?;
            let pattern = format!("/{pattern}").parse().map_err(|_| not_found())?;
            return Ok(Self::Group(DomainName { scope, name: domain.to_owned() }, pattern));
        }
        match parsed.resource.split('/').collect::<Vec<_>>()[..] {
            ["domain", name] => Ok(Self::Domain(DomainName { scope, name: name.to_owned() })),
            ["repository", domain, name] => {
                Ok(Self::Repository(DomainName { scope, name: domain.to_owned() }.repository(name)))
            }
            _ => Err(not_found()),
        }
    }
}

fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> + Clone {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}
