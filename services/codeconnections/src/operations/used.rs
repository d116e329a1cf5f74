//! A connection as it is used: by who may, for the repository that they name.

use aws::{Access, Arn, Ctx};
use githost::git::{Credential, Fetched};
use githost::{Provider, Remote, address};

use super::{Named, find_connection};
use crate::error::Error;
use crate::records::Authorization;

/// `UseConnection` under the name that the connection's ARN has.
/// Source: Service Authorization Reference, CodeConnections.
pub(super) fn access(arn: &str, repository: &str, branch: Option<&str>) -> Vec<Access> {
    let service = arn.parse::<Arn>().map_or_else(|_| "codeconnections".to_owned(), |arn| arn.service);
    let access = Access::to(arn)
        .action(&format!("{service}:UseConnection"))
        .when(&format!("{service}:FullRepositoryId"), repository)
        .when(&format!("{service}:ProviderPermissionsRequired"), "read_only");
    match branch {
        Some(branch) => vec![access.when(&format!("{service}:BranchName"), branch)],
        None => vec![access],
    }
}

/// An empty repository that can be fetched into. Errors: `NotFound`, `Unavailable` (pending), `Validation`.
pub(super) async fn open(
    named: &Named,
    ctx: &Ctx,
    arn: &str,
    repository: &str,
) -> Result<(Provider, Fetched), Error> {
    let (provider, authorization, token) = authorization(named, ctx, arn).await?;
    let url = address::repository(&authorization.git_url, repository).map_err(Error::Validation)?;
    let remote = Remote::new(url, Some(Credential { user_name: authorization.user_name, token }));
    Ok((provider, named.codeconnections.git.open(remote).await?))
}

/// What the operator gave, with the token opened. Errors: `NotFound`, `Unavailable` (pending).
pub(super) async fn authorization(
    named: &Named,
    ctx: &Ctx,
    arn: &str,
) -> Result<(Provider, Authorization, aws::Secret), Error> {
    let codeconnections = &named.codeconnections;
    let (scope, wanted) = (ctx.scope.clone(), arn.to_owned());
    let connection = codeconnections.store.read(move |tx| find_connection(tx, &scope, &wanted)).await?;
    let Some(authorization) = &connection.authorization else {
        return Err(Error::Unavailable(format!(
            "Connection {arn} is not available: it was not authorized yet"
        )));
    };
    let token = codeconnections.sealer.open_text(&connection.token_purpose(), &authorization.sealed_token);
    let token = aws::Secret::new(token.map_err(Error::internal)?);
    Ok((connection.provider, authorization.clone(), token))
}
