use aws::Ctx;
use codeconnections_model::{DeleteHost, DeleteHostOutput};
use store::Record;

use super::{Named, find_host};
use crate::error::Error;
use crate::records::{Connection, Host};

/// Deletes a host that no connection uses. Errors: `NotFound`, `Unavailable`.
/// Source: CodeConnections API Reference, DeleteHost.
pub(super) async fn delete_host(
    named: &Named,
    ctx: &Ctx,
    input: DeleteHost,
) -> Result<DeleteHostOutput, Error> {
    let scope = ctx.scope.clone();
    let write = named.codeconnections.store.write(move |tx| {
        let host = find_host(tx, &scope, &input.host_arn)?;
        let users = tx.scan_index::<Connection>(Connection::HOST, Connection::to_host(&host.arn()), 1)?;
        if !users.records.is_empty() {
            let message = "The host has connections. They must be deleted before it is";
            return Err(Error::Unavailable(message.to_owned()));
        }
        tx.delete::<Host>(&host.key())?;
        Ok(())
    });
    write.await?;
    Ok(DeleteHostOutput {})
}
