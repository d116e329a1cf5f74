use aws::Ctx;
use codeconnections_model::{AuthorizeConnection, AuthorizeConnectionOutput};
use githost::address;

use super::{Named, find_connection, find_host};
use crate::endpoint;
use crate::error::Error;
use crate::records::{Authorization, Connection, Host};

/// Gives a connection the token with which it reaches its host: the operator's step in the place of the console's
/// handshake. Doing it again replaces token, address and webhook. The webhook's secret is told if it was made here.
/// Errors: `NotFound`, `Validation` (the address).
pub(super) async fn authorize_connection(
    named: &Named,
    ctx: &Ctx,
    input: AuthorizeConnection,
) -> Result<AuthorizeConnectionOutput, Error> {
    let given = input.git_url.as_deref().map(address::base).transpose().map_err(Error::Validation)?;
    let made = input.webhook_secret.is_none().then(|| hex::encode(rand::random::<[u8; 32]>()));
    let secret = input.webhook_secret.clone().or_else(|| made.clone()).unwrap_or_default();
    let (token, sealer) = (endpoint::new_token(), named.codeconnections.sealer.clone());
    let (scope, webhook_url) = (ctx.scope.clone(), endpoint::url(&named.codeconnections.endpoint, &token));
    let write = named.codeconnections.store.write(move |tx| {
        let mut connection = find_connection(tx, &scope, &input.connection_arn)?;
        let host = match &connection.host_arn {
            Some(arn) => Some(find_host(tx, &scope, arn)?),
            None => None,
        };
        let git_url = match &given {
            Some(given) => given.clone(),
            None => default_url(&connection, host.as_ref())?,
        };
        let seal =
            |purpose: String, text: &str| sealer.seal(&purpose, text.as_bytes()).map_err(Error::internal);
        connection.authorization = Some(Authorization {
            git_url: git_url.clone(),
            user_name: input.user_name.clone().unwrap_or_else(|| connection.provider.user_name().to_owned()),
            sealed_token: seal(connection.token_purpose(), &input.token)?,
            sealed_webhook_secret: seal(connection.webhook_purpose(), &secret)?,
            webhook_hash: endpoint::hash(&token),
        });
        tx.put(&connection)?;
        if let Some(mut host) = host {
            host.available = true;
            tx.put(&host)?;
        }
        Ok::<_, Error>(git_url)
    });
    let git_url = write.await?;
    Ok(AuthorizeConnectionOutput { git_url, webhook_url, webhook_secret: made })
}

fn default_url(connection: &Connection, host: Option<&Host>) -> Result<String, Error> {
    let own = host.map(|host| host.endpoint.clone());
    let known = own.or_else(|| connection.provider.public_url().map(str::to_owned));
    known.ok_or_else(|| Error::validation("A GitUrl must be given"))
}
