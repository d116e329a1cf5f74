//! Tags of connections and hosts.

use std::collections::BTreeMap;

use aws::{Ctx, Scope};
use codeconnections_model::{
    ListTagsForResource, ListTagsForResourceOutput, Tag, TagResource, TagResourceOutput, UntagResource,
    UntagResourceOutput,
};
use store::{ReadTx, WriteTx};

use super::{Named, find_connection, find_host};
use crate::error::Error;
use crate::records::{Connection, Host};

/// Tags of one resource at most. Source: CodeConnections API Reference, Tag.
const LIMIT: usize = 200;

/// What has tags.
enum Tagged {
    Connection(Connection),
    Host(Host),
}

impl Tagged {
    fn find(tx: &mut ReadTx<'_>, scope: &Scope, arn: &str) -> Result<Self, Error> {
        match arn.contains(":host/") {
            true => find_host(tx, scope, arn).map(Self::Host),
            false => find_connection(tx, scope, arn).map(Self::Connection),
        }
    }

    fn tags(&mut self) -> &mut BTreeMap<String, String> {
        match self {
            Self::Connection(connection) => &mut connection.tags,
            Self::Host(host) => &mut host.tags,
        }
    }

    fn put(&self, tx: &mut WriteTx<'_>) -> Result<(), store::Error> {
        match self {
            Self::Connection(connection) => tx.put(connection).map(|_| ()),
            Self::Host(host) => tx.put(host).map(|_| ()),
        }
    }
}

pub(super) async fn tag_resource(
    named: &Named,
    ctx: &Ctx,
    input: TagResource,
) -> Result<TagResourceOutput, Error> {
    let scope = ctx.scope.clone();
    let write = named.codeconnections.store.write(move |tx| {
        let mut tagged = Tagged::find(tx, &scope, &input.resource_arn)?;
        add(tagged.tags(), &input.tags)?;
        tagged.put(tx)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(TagResourceOutput {})
}

/// Keys that are not there are passed over.
pub(super) async fn untag_resource(
    named: &Named,
    ctx: &Ctx,
    input: UntagResource,
) -> Result<UntagResourceOutput, Error> {
    let scope = ctx.scope.clone();
    let write = named.codeconnections.store.write(move |tx| {
        let mut tagged = Tagged::find(tx, &scope, &input.resource_arn)?;
        tagged.tags().retain(|key, _| !input.tag_keys.contains(key));
        tagged.put(tx)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(UntagResourceOutput {})
}

pub(super) async fn list_tags_for_resource(
    named: &Named,
    ctx: &Ctx,
    input: ListTagsForResource,
) -> Result<ListTagsForResourceOutput, Error> {
    let scope = ctx.scope.clone();
    let read = named.codeconnections.store.read(move |tx| Tagged::find(tx, &scope, &input.resource_arn));
    let mut tagged = read.await?;
    Ok(ListTagsForResourceOutput { tags: Some(list(tagged.tags())) })
}

/// Errors: `Validation` for keys that AWS keeps for itself, `LimitExceeded`.
pub(super) fn add(tags: &mut BTreeMap<String, String>, new: &[Tag]) -> Result<(), Error> {
    for tag in new {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::validation(format!("The tag key '{}' is reserved for AWS", tag.key)));
        }
        tags.insert(tag.key.clone(), tag.value.clone());
    }
    match tags.len() > LIMIT {
        true => Err(Error::LimitExceeded { what: "tags on this resource", limit: LIMIT }),
        false => Ok(()),
    }
}

pub(super) fn list(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}
