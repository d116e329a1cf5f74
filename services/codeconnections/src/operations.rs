//! The API: one operation, one file but for tags; one line here says what it is called and on what the policies are
//! asked. Source of the resources: Service Authorization Reference, CodeConnections.

mod authorize_connection;
mod create_connection;
mod create_host;
mod delete_connection;
mod delete_host;
mod get_connection;
mod get_connection_token;
mod get_host;
mod list_changed_files;
mod list_connections;
mod list_hosts;
mod tags;
mod update_host;
mod upload_revision;
mod used;

use std::sync::Arc;

use aws::{Access, Ctx, Router, Scope, Service};
use codeconnections_model as model;
use model::{CODECONNECTIONS, CODESTAR_CONNECTIONS};
use store::{Key, ReadTx, Versioned};

use crate::CodeConnections;
use crate::error::Error;
use crate::records::{Connection, Host};

const PAGE: usize = 100;

/// The service under one of its names: what is made there has that name in its ARN.
pub struct Named {
    pub(crate) service: &'static Service,
    pub(crate) codeconnections: Arc<CodeConnections>,
}

/// The same operations under both names.
pub fn routers(codeconnections: &Arc<CodeConnections>) -> [Router; 2] {
    [&CODECONNECTIONS, &CODESTAR_CONNECTIONS].map(|service| router(codeconnections.shared(service)))
}

fn router(named: Arc<Named>) -> Router {
    use model::*;
    Router::of(named.service, named)
        .on::<CreateConnection, _>(create_connection::create_connection, |op, _| {
            vec![Access::any().with_request_tags(pairs(op.tags.as_deref()))]
        })
        .on::<GetConnection, _>(get_connection::get_connection, |op, _| on(&op.connection_arn))
        .on::<ListConnections, _>(list_connections::list_connections, |_, _| vec![Access::any()])
        .on::<DeleteConnection, _>(delete_connection::delete_connection, |op, _| on(&op.connection_arn))
        .on::<CreateHost, _>(create_host::create_host, |op, _| {
            vec![Access::any().with_request_tags(pairs(op.tags.as_deref()))]
        })
        .on::<GetHost, _>(get_host::get_host, |op, _| on(&op.host_arn))
        .on::<ListHosts, _>(list_hosts::list_hosts, |_, _| vec![Access::any()])
        .on::<UpdateHost, _>(update_host::update_host, |op, _| on(&op.host_arn))
        .on::<DeleteHost, _>(delete_host::delete_host, |op, _| on(&op.host_arn))
        .on::<TagResource, _>(tags::tag_resource, |op, _| {
            vec![Access::to(&op.resource_arn).with_request_tags(pairs(Some(&op.tags)))]
        })
        .on::<UntagResource, _>(tags::untag_resource, |op, _| on(&op.resource_arn))
        .on::<ListTagsForResource, _>(tags::list_tags_for_resource, |op, _| on(&op.resource_arn))
        .on::<AuthorizeConnection, _>(authorize_connection::authorize_connection, |op, _| {
            on(&op.connection_arn)
        })
        .on::<UploadRevision, _>(upload_revision::upload_revision, |op, _| {
            used::access(&op.connection_arn, &op.full_repository_id, Some(&op.branch_name))
        })
        .on::<GetConnectionToken, _>(get_connection_token::get_connection_token, |op, _| {
            used::access(&op.connection_arn, &op.full_repository_id, None)
        })
        .on::<ListChangedFiles, _>(list_changed_files::list_changed_files, |op, _| {
            used::access(&op.connection_arn, &op.full_repository_id, op.destination_branch_name.as_deref())
        })
        .build()
}

fn on(arn: &str) -> Vec<Access> {
    vec![Access::to(arn)]
}

fn pairs(tags: Option<&[model::Tag]>) -> impl Iterator<Item = (&str, &str)> {
    tags.unwrap_or_default().iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}

/// Errors: `NotFound`, also for an ARN of another account or region, and for one under the other name.
fn find_connection(tx: &mut ReadTx<'_>, scope: &Scope, arn: &str) -> Result<Connection, Error> {
    let id = arn.split_once(":connection/").map(|(_, id)| id).unwrap_or_default();
    let found = tx.get::<Connection>(&Connection::key_of(scope, id))?.map(Versioned::into_inner);
    found.filter(|known| known.arn() == arn).ok_or_else(|| Error::NotFound(format!("Connection {arn}")))
}

/// Errors: as `find_connection`.
fn find_host(tx: &mut ReadTx<'_>, scope: &Scope, arn: &str) -> Result<Host, Error> {
    let id = arn.split_once(":host/").map(|(_, id)| id).unwrap_or_default();
    let found = tx.get::<Host>(&Host::key_of(scope, id))?.map(Versioned::into_inner);
    found.filter(|known| known.arn() == arn).ok_or_else(|| Error::NotFound(format!("Host {arn}")))
}

/// Where a page begins. Errors: `Validation` for a token that was not made here.
fn page_start(ctx: &Ctx, token: Option<&String>) -> Result<Option<Key>, Error> {
    let Some(token) = token else { return Ok(None) };
    let position = ctx.open_page_token(token).and_then(|bytes| Key::from_bytes(bytes).ok());
    position.map(Some).ok_or_else(|| Error::validation("The NextToken is not valid"))
}

fn page_end(ctx: &Ctx, next: Option<Key>) -> Option<String> {
    next.map(|key| ctx.seal_page_token(key.as_bytes()))
}

/// How many entries a page has.
fn page_size(asked: Option<i32>) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(PAGE).clamp(1, PAGE)
}
