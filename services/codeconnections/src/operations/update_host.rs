use aws::Ctx;
use codeconnections_model::{UpdateHost, UpdateHostOutput};
use githost::address;
use store::{Range, WriteTx};

use super::{Named, find_host};
use crate::error::Error;
use crate::records::{Connection, Host};

/// Connections that one look at the store brings.
const PAGE: usize = 100;

/// Changes a host's address. Its connections are pending again, without their tokens: those were given for another place.
/// Errors: `NotFound`, `Validation`, `NotImplemented` (a VPC). Source: CodeConnections API Reference, UpdateHost.
pub(super) async fn update_host(
    named: &Named,
    ctx: &Ctx,
    input: UpdateHost,
) -> Result<UpdateHostOutput, Error> {
    if input.vpc_configuration.is_some() {
        return Err(Error::NotImplemented("VpcConfiguration"));
    }
    let endpoint =
        input.provider_endpoint.as_deref().map(address::base).transpose().map_err(Error::Validation)?;
    let scope = ctx.scope.clone();
    let write = named.codeconnections.store.write(move |tx| {
        let mut host = find_host(tx, &scope, &input.host_arn)?;
        let Some(endpoint) = endpoint.as_ref().filter(|endpoint| **endpoint != host.endpoint) else {
            return Ok(());
        };
        host.endpoint.clone_from(endpoint);
        host.available = false;
        tx.put(&host)?;
        deauthorize(tx, &host)
    });
    write.await?;
    Ok(UpdateHostOutput {})
}

fn deauthorize(tx: &mut WriteTx<'_>, host: &Host) -> Result<(), Error> {
    let mut after = None;
    loop {
        let range = Range::prefix(Connection::to_host(&host.arn())).after(after);
        let page = tx.scan_index::<Connection>(Connection::HOST, range, PAGE)?;
        after = page.next.clone();
        for mut connection in page.into_records() {
            connection.authorization = None;
            tx.put(&connection)?;
        }
        if after.is_none() {
            return Ok(());
        }
    }
}
