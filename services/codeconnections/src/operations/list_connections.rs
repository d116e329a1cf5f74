use aws::Ctx;
use codeconnections_model::{ListConnections, ListConnectionsOutput};
use store::Range;

use super::create_connection::provider;
use super::get_connection::shown;
use super::{Named, page_end, page_size, page_start};
use crate::error::Error;
use crate::records::Connection;

/// The connections of the account and region. A page may have fewer than fit, where others do not pass the filter.
/// Errors: `Validation`. Source: CodeConnections API Reference, ListConnections.
pub(super) async fn list_connections(
    named: &Named,
    ctx: &Ctx,
    input: ListConnections,
) -> Result<ListConnectionsOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let (provider, host) = (provider(input.provider_type_filter.as_ref())?, input.host_arn_filter);
    let size = page_size(input.max_results);
    let range = Range::prefix(Connection::in_scope(&ctx.scope)).after(start);
    let page = named.codeconnections.store.read(move |tx| tx.scan::<Connection>(range.clone(), size)).await?;
    let next_token = page_end(ctx, page.next.clone());
    let passes = |connection: &Connection| {
        provider.is_none_or(|provider| connection.provider == provider)
            && host.as_ref().is_none_or(|host| connection.host_arn.as_ref() == Some(host))
    };
    let found = page.into_records().into_iter().filter(passes);
    let connections = found.map(|connection| shown(&connection)).collect();
    Ok(ListConnectionsOutput { connections: Some(connections), next_token })
}
