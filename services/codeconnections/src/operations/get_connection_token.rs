use aws::Ctx;
use codeconnections_model::{GetConnectionToken, GetConnectionTokenOutput};

use super::{Named, used};
use crate::error::Error;
use crate::provider;

/// Who may be told: a service of this server that fetches for a role.
const READER: &str = "codebuild.amazonaws.com";

/// What a build shows the Git host, and where. The token leaves this server to the host alone: nobody is told it who calls
/// over the wire. On AWS, the permission of this name stands in the role of builds.
/// Errors: `NotFound`, `Unavailable` (pending), `Refused` (who calls), `Validation`.
pub(super) async fn get_connection_token(
    named: &Named,
    ctx: &Ctx,
    input: GetConnectionToken,
) -> Result<GetConnectionTokenOutput, Error> {
    if ctx.source_ip.is_some() || ctx.invoked_by.as_deref() != Some(READER) {
        return Err(Error::Refused("Tokens of connections are told to builds alone".to_owned()));
    }
    let (provider, authorization, token) = used::authorization(named, ctx, &input.connection_arn).await?;
    Ok(GetConnectionTokenOutput {
        git_url: authorization.git_url,
        user_name: authorization.user_name,
        token: token.reveal().to_owned(),
        provider_type: provider::model(provider),
    })
}
