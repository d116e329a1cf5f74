use std::collections::BTreeMap;

use aws::Ctx;
use codeconnections_model::{CreateConnection, CreateConnectionOutput, ProviderType};
use githost::Provider;
use store::Range;
use uuid::Uuid;

use super::{Named, find_host, tags};
use crate::error::Error;
use crate::provider;
use crate::records::Connection;

/// Connections of an account and region at most. Source: CodeConnections quotas.
const LIMIT: usize = 250;

/// Makes a connection. It is pending until an operator authorises it.
/// Errors: `Validation`, `NotFound` (the host), `LimitExceeded`.
/// Source: CodeConnections API Reference, CreateConnection.
pub(super) async fn create_connection(
    named: &Named,
    ctx: &Ctx,
    input: CreateConnection,
) -> Result<CreateConnectionOutput, Error> {
    let mut tags = BTreeMap::new();
    tags::add(&mut tags, input.tags.as_deref().unwrap_or_default())?;
    let given = provider(input.provider_type.as_ref())?;
    let (scope, created, service, id) = (ctx.scope.clone(), ctx.now(), named.service, Uuid::new_v4());
    let write = named.codeconnections.store.write(move |tx| {
        let provider = match (given, &input.host_arn) {
            (Some(provider), None) if provider.needs_host() => {
                let message = format!("A HostArn must be given for {}", provider::model(provider).as_str());
                return Err(Error::validation(message));
            }
            (Some(provider), None) => provider,
            (None, Some(host)) => find_host(tx, &scope, host)?.provider,
            (Some(_), Some(_)) | (None, None) => {
                return Err(Error::validation("Either ProviderType or HostArn must be given, and not both"));
            }
        };
        if tx.scan::<Connection>(Range::prefix(Connection::in_scope(&scope)), LIMIT)?.records.len() >= LIMIT {
            return Err(Error::LimitExceeded { what: "connections", limit: LIMIT });
        }
        let connection = Connection {
            id,
            scope: scope.clone(),
            service: service.prefix.to_owned(),
            name: input.connection_name.clone(),
            provider,
            host_arn: input.host_arn.clone(),
            tags: tags.clone(),
            created,
            authorization: None,
        };
        tx.put(&connection)?;
        Ok(connection)
    });
    let connection = write.await?;
    Ok(CreateConnectionOutput { connection_arn: connection.arn(), tags: Some(tags::list(&connection.tags)) })
}

/// Errors: `Validation`.
pub(super) fn provider(given: Option<&ProviderType>) -> Result<Option<Provider>, Error> {
    let known = |kind: &ProviderType| {
        provider::of(kind).ok_or_else(|| Error::validation(format!("'{kind}' is no ProviderType")))
    };
    given.map(known).transpose()
}
