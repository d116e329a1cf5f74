use aws::Ctx;
use codeconnections_model::{self as model, ListHosts, ListHostsOutput};
use store::Range;

use super::{Named, page_end, page_size, page_start};
use crate::error::Error;
use crate::provider;
use crate::records::Host;

/// The hosts of the account and region. Errors: `Validation`. Source: CodeConnections API Reference, ListHosts.
pub(super) async fn list_hosts(named: &Named, ctx: &Ctx, input: ListHosts) -> Result<ListHostsOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let size = page_size(input.max_results);
    let range = Range::prefix(Host::in_scope(&ctx.scope)).after(start);
    let page = named.codeconnections.store.read(move |tx| tx.scan::<Host>(range.clone(), size)).await?;
    let next_token = page_end(ctx, page.next.clone());
    let hosts = page.into_records().into_iter().map(|host| model::Host {
        host_arn: Some(host.arn()),
        status: Some(host.status().to_owned()),
        name: Some(host.name),
        provider_type: Some(provider::model(host.provider)),
        provider_endpoint: Some(host.endpoint),
        vpc_configuration: None,
        status_message: None,
    });
    Ok(ListHostsOutput { hosts: Some(hosts.collect()), next_token })
}
