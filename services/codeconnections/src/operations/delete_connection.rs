use aws::Ctx;
use codeconnections_model::{DeleteConnection, DeleteConnectionOutput};
use store::Record;

use super::{Named, find_connection};
use crate::error::Error;
use crate::records::Connection;

/// Deletes a connection with its token. Errors: `NotFound`.
/// Source: CodeConnections API Reference, DeleteConnection.
pub(super) async fn delete_connection(
    named: &Named,
    ctx: &Ctx,
    input: DeleteConnection,
) -> Result<DeleteConnectionOutput, Error> {
    let scope = ctx.scope.clone();
    let write = named.codeconnections.store.write(move |tx| {
        let connection = find_connection(tx, &scope, &input.connection_arn)?;
        tx.delete::<Connection>(&connection.key())?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(DeleteConnectionOutput {})
}
