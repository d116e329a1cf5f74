use aws::Ctx;
use codeconnections_model::{GetHost, GetHostOutput};

use super::{Named, find_host};
use crate::error::Error;
use crate::provider;

/// One host. Errors: `NotFound`. Source: CodeConnections API Reference, GetHost.
pub(super) async fn get_host(named: &Named, ctx: &Ctx, input: GetHost) -> Result<GetHostOutput, Error> {
    let scope = ctx.scope.clone();
    let host = named.codeconnections.store.read(move |tx| find_host(tx, &scope, &input.host_arn)).await?;
    Ok(GetHostOutput {
        status: Some(host.status().to_owned()),
        name: Some(host.name),
        provider_type: Some(provider::model(host.provider)),
        provider_endpoint: Some(host.endpoint),
        vpc_configuration: None,
    })
}
