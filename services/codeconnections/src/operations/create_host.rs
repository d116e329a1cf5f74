use std::collections::BTreeMap;

use aws::Ctx;
use codeconnections_model::{CreateHost, CreateHostOutput};
use githost::address;
use store::Range;

use super::{Named, create_connection, tags};
use crate::error::Error;
use crate::records::Host;

/// Hosts of an account and region at most. Source: CodeConnections quotas.
const LIMIT: usize = 50;

/// Makes a host: the address of a Git host of one's own. It is pending until a connection to it is authorised.
/// Errors: `Validation`, `LimitExceeded`, `NotImplemented` (a VPC). Source: CodeConnections API Reference, CreateHost.
pub(super) async fn create_host(
    named: &Named,
    ctx: &Ctx,
    input: CreateHost,
) -> Result<CreateHostOutput, Error> {
    if input.vpc_configuration.is_some() {
        return Err(Error::NotImplemented("VpcConfiguration"));
    }
    let mut tags = BTreeMap::new();
    tags::add(&mut tags, input.tags.as_deref().unwrap_or_default())?;
    let provider = create_connection::provider(Some(&input.provider_type))?;
    let provider = provider.filter(|provider| provider.needs_host()).ok_or_else(|| {
        Error::validation(format!("A host of one's own cannot be of ProviderType {}", input.provider_type))
    })?;
    // A name with what belongs to ARNs would make an ARN of something else.
    if input.name.contains(|c: char| c.is_control() || matches!(c, ':' | '/' | '*' | '?')) {
        return Err(Error::validation("A host's Name must not have ':', '/', '*' or '?'"));
    }
    let host = Host {
        id: format!("{}-{}", input.name, hex::encode(rand::random::<[u8; 4]>())),
        scope: ctx.scope.clone(),
        service: named.service.prefix.to_owned(),
        name: input.name,
        provider,
        endpoint: address::base(&input.provider_endpoint).map_err(Error::Validation)?,
        tags,
        available: false,
    };
    let output = CreateHostOutput { host_arn: Some(host.arn()), tags: Some(tags::list(&host.tags)) };
    let write = named.codeconnections.store.write(move |tx| {
        if tx.scan::<Host>(Range::prefix(Host::in_scope(&host.scope)), LIMIT)?.records.len() >= LIMIT {
            return Err(Error::LimitExceeded { what: "hosts", limit: LIMIT });
        }
        tx.put(&host)?;
        Ok(())
    });
    write.await?;
    Ok(output)
}
