use aws::Ctx;
use codebuild_model::{
    AuthType, ListSourceCredentials, ListSourceCredentialsOutput, ServerType, SourceCredentialsInfo,
};
use store::Range;

use crate::{
    CodeBuild,
    error::Error,
    records::{CredentialKind, SourceCredential, in_scope},
};

/// What is shown to Git hosts, by type; never the tokens. Source: CodeBuild API Reference, ListSourceCredentials.
pub(super) async fn list_source_credentials(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    _: ListSourceCredentials,
) -> Result<ListSourceCredentialsOutput, Error> {
    let scope = ctx.scope.clone();
    let read = codebuild.store.read(move |tx| {
        Ok::<_, store::Error>(
            tx.scan::<SourceCredential>(Range::prefix(in_scope(&scope)), 10)?.into_records(),
        )
    });
    let infos = read.await?.into_iter().map(info).collect();
    Ok(ListSourceCredentialsOutput { source_credentials_infos: Some(infos) })
}

fn info(credential: SourceCredential) -> SourceCredentialsInfo {
    let (auth_type, resource) = match &credential.kind {
        CredentialKind::Token { user_name: None, .. } => (AuthType::PersonalAccessToken, None),
        CredentialKind::Token { user_name: Some(_), .. } => (AuthType::BasicAuth, None),
        CredentialKind::Connection(arn) => (AuthType::Codeconnections, Some(arn.clone())),
        CredentialKind::Secret(arn) => (AuthType::SecretsManager, Some(arn.clone())),
    };
    SourceCredentialsInfo {
        arn: Some(credential.arn()),
        server_type: Some(ServerType::from(credential.server_type.as_str())),
        auth_type: Some(auth_type),
        resource,
    }
}
