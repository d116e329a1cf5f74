//! Connections: made, described, listed, changed, deauthorised and deleted.

use aws::{Access, Ctx, Scope, Timestamp};
use events_model as model;
use store::{Range, ReadTx};
use uuid::Uuid;

use super::{connection_shape, page_end, page_size, page_start};
use crate::EventBridge;
use crate::delivery::authorisation;
use crate::error::Error;
use crate::records::{Auth, Connection, ConnectionKind, ConnectionState};

/// Of one account and region. Source: EventBridge quotas.
const MOST_CONNECTIONS: u64 = 3_000;

/// The connection of a name with its whole ARN; where it does not exist, without the id in it.
async fn access(eventbridge: &EventBridge, ctx: &Ctx, name: &str) -> Result<Vec<Access>, Error> {
    let (scope, key) = (ctx.scope.clone(), Connection::key_of(&ctx.scope, name));
    let found = eventbridge.store.read(move |tx| tx.get::<Connection>(&key)).await?;
    let by_name = || scope.arn("events", format!("connection/{name}")).to_string();
    Ok(vec![Access::to(found.map_or_else(by_name, |connection| connection.arn()))])
}

pub(super) async fn access_to_create(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &model::CreateConnection,
) -> Result<Vec<Access>, Error> {
    access(eventbridge, ctx, &input.name).await
}

pub(super) async fn access_to_describe(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &model::DescribeConnection,
) -> Result<Vec<Access>, Error> {
    access(eventbridge, ctx, &input.name).await
}

pub(super) async fn access_to_update(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &model::UpdateConnection,
) -> Result<Vec<Access>, Error> {
    access(eventbridge, ctx, &input.name).await
}

pub(super) async fn access_to_deauthorize(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &model::DeauthorizeConnection,
) -> Result<Vec<Access>, Error> {
    access(eventbridge, ctx, &input.name).await
}

pub(super) async fn access_to_delete(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &model::DeleteConnection,
) -> Result<Vec<Access>, Error> {
    access(eventbridge, ctx, &input.name).await
}

/// Errors: `AlreadyExists`, `LimitExceeded`, `Validation`. Source: EventBridge API Reference, CreateConnection.
pub(super) async fn create_connection(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: model::CreateConnection,
) -> Result<model::CreateConnectionOutput, Error> {
    if input.invocation_connectivity_parameters.is_some() {
        return Err(Error::not_implemented("Connections to private endpoints are"));
    }
    check_key(input.kms_key_identifier.as_ref())?;
    let auth = connection_shape::new_auth(&input.authorization_type, input.auth_parameters)?;
    let mut connection = Connection {
        id: Uuid::new_v4(),
        scope: ctx.scope.clone(),
        name: input.name,
        description: input.description,
        kind: auth.kind(),
        state: ConnectionState::Authorizing,
        state_reason: None,
        sealed: None,
        created: ctx.now(),
        updated: ctx.now(),
        authorized: None,
    };
    put_auth(eventbridge, &mut connection, &auth, ctx.now())?;
    let answer = model::CreateConnectionOutput {
        connection_arn: Some(connection.arn()),
        connection_state: Some(connection.state.as_str().into()),
        creation_time: Some(connection.created),
        last_modified_time: Some(connection.updated),
    };
    let write = eventbridge.store.write(move |tx| {
        if tx.exists::<Connection>(&Connection::key_of(&connection.scope, &connection.name))? {
            return Err(Error::AlreadyExists(format!("Connection {}", connection.name)));
        }
        if tx.count::<Connection>(Connection::in_scope(&connection.scope))? >= MOST_CONNECTIONS {
            return Err(Error::LimitExceeded);
        }
        tx.put(&connection)?;
        authorisation::enqueue(tx, &connection)?;
        Ok(())
    });
    write.await?;
    Ok(answer)
}

/// Errors: `ResourceNotFound`. Source: EventBridge API Reference, DescribeConnection.
pub(super) async fn describe_connection(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: model::DescribeConnection,
) -> Result<model::DescribeConnectionOutput, Error> {
    let scope = ctx.scope.clone();
    let connection = eventbridge.store.read(move |tx| find(tx, &scope, &input.name)).await?;
    let auth = eventbridge.auth_of(&connection)?;
    Ok(model::DescribeConnectionOutput {
        connection_arn: Some(connection.arn()),
        auth_parameters: auth.as_ref().map(connection_shape::shown),
        name: Some(connection.name),
        description: connection.description,
        connection_state: Some(connection.state.as_str().into()),
        state_reason: connection.state_reason,
        authorization_type: Some(connection.kind.as_str().into()),
        creation_time: Some(connection.created),
        last_modified_time: Some(connection.updated),
        last_authorized_time: connection.authorized,
        ..Default::default()
    })
}

/// The connections of the account and region by name. Source: EventBridge API Reference, ListConnections.
pub(super) async fn list_connections(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: model::ListConnections,
) -> Result<model::ListConnectionsOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let prefix = input.name_prefix.unwrap_or_default();
    let range = Range::starting(Connection::in_scope(&ctx.scope), &prefix).after(start);
    let size = page_size(input.limit);
    let page = eventbridge.store.read(move |tx| tx.scan::<Connection>(range.clone(), size)).await?;
    let next_token = page_end(ctx, page.next.clone());
    let wanted = input.connection_state;
    let mut connections = page.into_records();
    connections.retain(|one| wanted.as_ref().is_none_or(|wanted| wanted.as_str() == one.state.as_str()));
    let connections = connections.into_iter().map(|connection| model::Connection {
        connection_arn: Some(connection.arn()),
        name: Some(connection.name),
        connection_state: Some(connection.state.as_str().into()),
        state_reason: connection.state_reason,
        authorization_type: Some(connection.kind.as_str().into()),
        creation_time: Some(connection.created),
        last_modified_time: Some(connection.updated),
        last_authorized_time: connection.authorized,
    });
    Ok(model::ListConnectionsOutput { connections: Some(connections.collect()), next_token })
}

/// Errors: `ResourceNotFound`, `Validation`. Source: EventBridge API Reference, UpdateConnection.
pub(super) async fn update_connection(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: model::UpdateConnection,
) -> Result<model::UpdateConnectionOutput, Error> {
    if input.invocation_connectivity_parameters.is_some() {
        return Err(Error::not_implemented("Connections to private endpoints are"));
    }
    check_key(input.kms_key_identifier.as_ref())?;
    let (scope, name) = (ctx.scope.clone(), input.name.clone());
    let mut connection = eventbridge.store.read(move |tx| find(tx, &scope, &name)).await?;
    let before = connection.updated;
    if input.authorization_type.is_some() || input.auth_parameters.is_some() {
        let kind = match input.authorization_type.as_ref().map(model::ConnectionAuthorizationType::as_str) {
            Some("BASIC") => ConnectionKind::Basic,
            Some("API_KEY") => ConnectionKind::ApiKey,
            Some("OAUTH_CLIENT_CREDENTIALS") => ConnectionKind::OAuth,
            _ => connection.kind,
        };
        let known = eventbridge.auth_of(&connection)?;
        let auth = connection_shape::changed_auth(known, kind, input.auth_parameters.unwrap_or_default())?;
        put_auth(eventbridge, &mut connection, &auth, ctx.now())?;
    }
    if input.description.is_some() {
        connection.description = input.description;
    }
    connection.updated = ctx.now();
    eventbridge.tokens.forget(connection.id);
    let written = connection.clone();
    let write = eventbridge.store.write(move |tx| {
        let now = find(tx, &written.scope, &written.name)?;
        if now.id != written.id || now.updated != before {
            return Err(Error::ConcurrentModification(format!("Connection {}", written.name)));
        }
        tx.put(&written)?;
        authorisation::enqueue(tx, &written)?;
        Ok(())
    });
    write.await?;
    Ok(model::UpdateConnectionOutput {
        connection_arn: Some(connection.arn()),
        connection_state: Some(connection.state.as_str().into()),
        creation_time: Some(connection.created),
        last_modified_time: Some(connection.updated),
        last_authorized_time: connection.authorized,
    })
}

/// Takes the secrets away. Errors: `ResourceNotFound`. Source: EventBridge API Reference, DeauthorizeConnection.
pub(super) async fn deauthorize_connection(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: model::DeauthorizeConnection,
) -> Result<model::DeauthorizeConnectionOutput, Error> {
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let write = eventbridge.store.write(move |tx| {
        let mut connection = find(tx, &scope, &input.name)?;
        connection.sealed = None;
        connection.state = ConnectionState::Deauthorized;
        connection.updated = now;
        tx.put(&connection)?;
        Ok::<_, Error>(connection)
    });
    let connection = write.await?;
    eventbridge.tokens.forget(connection.id);
    Ok(model::DeauthorizeConnectionOutput {
        connection_arn: Some(connection.arn()),
        connection_state: Some("DEAUTHORIZING".into()),
        creation_time: Some(connection.created),
        last_modified_time: Some(connection.updated),
        last_authorized_time: connection.authorized,
    })
}

/// Errors: `ResourceNotFound`. Source: EventBridge API Reference, DeleteConnection.
pub(super) async fn delete_connection(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: model::DeleteConnection,
) -> Result<model::DeleteConnectionOutput, Error> {
    let scope = ctx.scope.clone();
    let write = eventbridge.store.write(move |tx| {
        let connection = find(tx, &scope, &input.name)?;
        tx.delete::<Connection>(&Connection::key_of(&scope, &input.name))?;
        Ok::<_, Error>(connection)
    });
    let connection = write.await?;
    eventbridge.tokens.forget(connection.id);
    Ok(model::DeleteConnectionOutput {
        connection_arn: Some(connection.arn()),
        connection_state: Some("DELETING".into()),
        creation_time: Some(connection.created),
        last_modified_time: Some(connection.updated),
        last_authorized_time: connection.authorized,
    })
}

/// Errors: `ResourceNotFound`.
pub(super) fn find(tx: &mut ReadTx<'_>, scope: &Scope, name: &str) -> Result<Connection, Error> {
    let found = tx.get::<Connection>(&Connection::key_of(scope, name))?.map(store::Versioned::into_inner);
    found.ok_or_else(|| Error::ResourceNotFound(format!("Connection '{name}'")))
}

/// Keys of customers are refused, not forgotten.
fn check_key(kms_key: Option<&String>) -> Result<(), Error> {
    match kms_key.is_some_and(|key| !key.is_empty()) {
        true => Err(Error::not_implemented("Customer managed keys of connections are")),
        false => Ok(()),
    }
}

/// Seals what the connection adds to requests. A connection by OAuth is authorised once it got a token.
fn put_auth(
    eventbridge: &EventBridge,
    connection: &mut Connection,
    auth: &Auth,
    now: Timestamp,
) -> Result<(), Error> {
    connection.sealed = Some(eventbridge.seal(connection, auth)?);
    connection.kind = auth.kind();
    connection.state_reason = None;
    connection.state = match connection.kind {
        ConnectionKind::Basic | ConnectionKind::ApiKey => {
            connection.authorized = Some(now);
            ConnectionState::Authorized
        }
        ConnectionKind::OAuth => ConnectionState::Authorizing,
    };
    Ok(())
}
