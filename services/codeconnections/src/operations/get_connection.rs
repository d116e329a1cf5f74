use aws::Ctx;
use codeconnections_model::{self as model, ConnectionStatus, GetConnection, GetConnectionOutput};

use super::{Named, find_connection};
use crate::error::Error;
use crate::provider;
use crate::records::Connection;

/// One connection. Errors: `NotFound`. Source: CodeConnections API Reference, GetConnection.
pub(super) async fn get_connection(
    named: &Named,
    ctx: &Ctx,
    input: GetConnection,
) -> Result<GetConnectionOutput, Error> {
    let scope = ctx.scope.clone();
    let read = named.codeconnections.store.read(move |tx| find_connection(tx, &scope, &input.connection_arn));
    Ok(GetConnectionOutput { connection: Some(shown(&read.await?)) })
}

/// A connection as the API shows it.
pub(super) fn shown(connection: &Connection) -> model::Connection {
    let status = match connection.authorization {
        Some(_) => ConnectionStatus::Available,
        None => ConnectionStatus::Pending,
    };
    model::Connection {
        connection_name: Some(connection.name.clone()),
        connection_arn: Some(connection.arn()),
        provider_type: Some(provider::model(connection.provider)),
        owner_account_id: Some(connection.scope.account.to_string()),
        connection_status: Some(status),
        host_arn: connection.host_arn.clone(),
    }
}
