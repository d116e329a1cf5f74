//! API destinations: made, described, listed, changed and deleted.

use aws::{Access, Ctx, Scope};
use events_model as model;
use store::{Range, ReadTx};
use uuid::Uuid;

use super::{connection_shape, connections, page_end, page_size, page_start};
use crate::EventBridge;
use crate::error::Error;
use crate::records::{ApiDestination, Connection, ConnectionState};

/// Of one account and region. Source: EventBridge quotas.
const MOST_DESTINATIONS: u64 = 3_000;

/// The destination of a name with its whole ARN; where it does not exist, without the id in it.
async fn access(eventbridge: &EventBridge, ctx: &Ctx, name: &str) -> Result<Vec<Access>, Error> {
    let (scope, key) = (ctx.scope.clone(), ApiDestination::key_of(&ctx.scope, name));
    let found = eventbridge.store.read(move |tx| tx.get::<ApiDestination>(&key)).await?;
    let by_name = || scope.arn("events", format!("api-destination/{name}")).to_string();
    Ok(vec![Access::to(found.map_or_else(by_name, |destination| destination.arn()))])
}

pub(super) async fn access_to_create(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &model::CreateApiDestination,
) -> Result<Vec<Access>, Error> {
    access(eventbridge, ctx, &input.name).await
}

pub(super) async fn access_to_describe(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &model::DescribeApiDestination,
) -> Result<Vec<Access>, Error> {
    access(eventbridge, ctx, &input.name).await
}

pub(super) async fn access_to_update(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &model::UpdateApiDestination,
) -> Result<Vec<Access>, Error> {
    access(eventbridge, ctx, &input.name).await
}

pub(super) async fn access_to_delete(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: &model::DeleteApiDestination,
) -> Result<Vec<Access>, Error> {
    access(eventbridge, ctx, &input.name).await
}

/// Errors: `AlreadyExists`, `LimitExceeded`, `ResourceNotFound` (connection), `Validation`.
/// Source: EventBridge API Reference, CreateApiDestination.
pub(super) async fn create_api_destination(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: model::CreateApiDestination,
) -> Result<model::CreateApiDestinationOutput, Error> {
    let destination = ApiDestination {
        id: Uuid::new_v4(),
        scope: ctx.scope.clone(),
        name: input.name,
        description: input.description,
        connection: input.connection_arn,
        endpoint: connection_shape::https(input.invocation_endpoint, "InvocationEndpoint")?,
        method: input.http_method.as_str().to_owned(),
        rate: rate(input.invocation_rate_limit_per_second),
        created: ctx.now(),
        updated: ctx.now(),
    };
    let write = eventbridge.store.write(move |tx| {
        let key = ApiDestination::key_of(&destination.scope, &destination.name);
        if tx.exists::<ApiDestination>(&key)? {
            return Err(Error::AlreadyExists(format!("ApiDestination {}", destination.name)));
        }
        if tx.count::<ApiDestination>(ApiDestination::in_scope(&destination.scope))? >= MOST_DESTINATIONS {
            return Err(Error::LimitExceeded);
        }
        connection_of(tx, &destination.scope, &destination.connection)?;
        tx.put(&destination)?;
        let state = state(tx, &destination)?;
        Ok((destination.clone(), state))
    });
    let (destination, state) = write.await?;
    Ok(model::CreateApiDestinationOutput {
        api_destination_arn: Some(destination.arn()),
        api_destination_state: Some(state.into()),
        creation_time: Some(destination.created),
        last_modified_time: Some(destination.updated),
    })
}

/// Errors: `ResourceNotFound`. Source: EventBridge API Reference, DescribeApiDestination.
pub(super) async fn describe_api_destination(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: model::DescribeApiDestination,
) -> Result<model::DescribeApiDestinationOutput, Error> {
    let scope = ctx.scope.clone();
    let read = eventbridge.store.read(move |tx| {
        let destination = find(tx, &scope, &input.name)?;
        let state = state(tx, &destination)?;
        Ok::<_, Error>((destination, state))
    });
    let (destination, state) = read.await?;
    Ok(model::DescribeApiDestinationOutput {
        api_destination_arn: Some(destination.arn()),
        name: Some(destination.name),
        description: destination.description,
        api_destination_state: Some(state.into()),
        connection_arn: Some(destination.connection),
        invocation_endpoint: Some(destination.endpoint),
        http_method: Some(destination.method.as_str().into()),
        invocation_rate_limit_per_second: shown_rate(destination.rate),
        creation_time: Some(destination.created),
        last_modified_time: Some(destination.updated),
    })
}

/// The destinations of the account and region by name. Source: EventBridge API Reference, ListApiDestinations.
pub(super) async fn list_api_destinations(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: model::ListApiDestinations,
) -> Result<model::ListApiDestinationsOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let prefix = input.name_prefix.unwrap_or_default();
    let range = Range::starting(ApiDestination::in_scope(&ctx.scope), &prefix).after(start);
    let (size, of_connection) = (page_size(input.limit), input.connection_arn);
    let read = eventbridge.store.read(move |tx| {
        let page = tx.scan::<ApiDestination>(range.clone(), size)?;
        let next = page.next.clone();
        let mut destinations = page.into_records();
        destinations.retain(|one| of_connection.as_ref().is_none_or(|wanted| *wanted == one.connection));
        let shown = destinations.into_iter().map(|destination| {
            let state = state(tx, &destination)?;
            Ok(model::ApiDestination {
                api_destination_arn: Some(destination.arn()),
                name: Some(destination.name),
                api_destination_state: Some(state.into()),
                connection_arn: Some(destination.connection),
                invocation_endpoint: Some(destination.endpoint),
                http_method: Some(destination.method.as_str().into()),
                invocation_rate_limit_per_second: shown_rate(destination.rate),
                creation_time: Some(destination.created),
                last_modified_time: Some(destination.updated),
            })
        });
        Ok::<_, Error>((shown.collect::<Result<Vec<_>, Error>>()?, next))
    });
    let (destinations, next) = read.await?;
    Ok(model::ListApiDestinationsOutput {
        api_destinations: Some(destinations),
        next_token: page_end(ctx, next),
    })
}

/// Errors: `ResourceNotFound`, `Validation`. Source: EventBridge API Reference, UpdateApiDestination.
pub(super) async fn update_api_destination(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: model::UpdateApiDestination,
) -> Result<model::UpdateApiDestinationOutput, Error> {
    let endpoint = input.invocation_endpoint.clone();
    let endpoint =
        endpoint.map(|endpoint| connection_shape::https(endpoint, "InvocationEndpoint")).transpose()?;
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let write = eventbridge.store.write(move |tx| {
        let mut destination = find(tx, &scope, &input.name)?;
        if let Some(connection) = &input.connection_arn {
            connection_of(tx, &scope, connection)?;
            destination.connection.clone_from(connection);
        }
        if let Some(endpoint) = &endpoint {
            destination.endpoint.clone_from(endpoint);
        }
        if let Some(method) = &input.http_method {
            method.as_str().clone_into(&mut destination.method);
        }
        if input.description.is_some() {
            destination.description.clone_from(&input.description);
        }
        destination.rate = rate(input.invocation_rate_limit_per_second).or(destination.rate);
        destination.updated = now;
        tx.put(&destination)?;
        let state = state(tx, &destination)?;
        Ok::<_, Error>((destination, state))
    });
    let (destination, state) = write.await?;
    Ok(model::UpdateApiDestinationOutput {
        api_destination_arn: Some(destination.arn()),
        api_destination_state: Some(state.into()),
        creation_time: Some(destination.created),
        last_modified_time: Some(destination.updated),
    })
}

/// Errors: `ResourceNotFound`. Source: EventBridge API Reference, DeleteApiDestination.
pub(super) async fn delete_api_destination(
    eventbridge: &EventBridge,
    ctx: &Ctx,
    input: model::DeleteApiDestination,
) -> Result<model::DeleteApiDestinationOutput, Error> {
    let scope = ctx.scope.clone();
    let write = eventbridge.store.write(move |tx| {
        find(tx, &scope, &input.name)?;
        tx.delete::<ApiDestination>(&ApiDestination::key_of(&scope, &input.name))?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(model::DeleteApiDestinationOutput::default())
}

fn find(tx: &mut ReadTx<'_>, scope: &Scope, name: &str) -> Result<ApiDestination, Error> {
    let key = ApiDestination::key_of(scope, name);
    let found = tx.get::<ApiDestination>(&key)?.map(store::Versioned::into_inner);
    found.ok_or_else(|| Error::ResourceNotFound(format!("ApiDestination '{name}'")))
}

/// Errors: `ResourceNotFound`.
fn connection_of(tx: &mut ReadTx<'_>, scope: &Scope, arn: &str) -> Result<Connection, Error> {
    let connection = connections::find(tx, scope, Connection::name_in(arn).unwrap_or(arn))?;
    let missing = || Error::ResourceNotFound(format!("Connection '{arn}'"));
    Some(connection).filter(|connection| connection.arn() == arn).ok_or_else(missing)
}

/// It can be called while its connection is authorised.
fn state(tx: &mut ReadTx<'_>, destination: &ApiDestination) -> Result<&'static str, Error> {
    let connection = match connection_of(tx, &destination.scope, &destination.connection) {
        Err(Error::ResourceNotFound(_)) => None,
        found => Some(found?),
    };
    let authorised = connection.is_some_and(|connection| connection.state == ConnectionState::Authorized);
    Ok(if authorised { "ACTIVE" } else { "INACTIVE" })
}

fn rate(given: Option<i32>) -> Option<u32> {
    given.and_then(|rate| u32::try_from(rate).ok())
}

fn shown_rate(rate: Option<u32>) -> Option<i32> {
    rate.and_then(|rate| i32::try_from(rate).ok())
}
