use aws::{Arn, Ctx};
use codebuild_model::{AuthType, ImportSourceCredentials, ImportSourceCredentialsOutput, ServerType};

use crate::{
    CodeBuild,
    error::Error,
    records::{CredentialKind, SourceCredential},
};

/// Keeps what is shown to the Git hosts of one type, sealed. There is one for each type; another one takes its place.
/// Errors: InvalidInput, CredentialsExist.
/// Source: CodeBuild API Reference, ImportSourceCredentials.
pub(super) async fn import_source_credentials(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: ImportSourceCredentials,
) -> Result<ImportSourceCredentialsOutput, Error> {
    let kind = kind(codebuild, ctx, &input)?;
    let server_type = input.server_type.as_str().to_owned();
    let credential = SourceCredential { scope: ctx.scope.clone(), server_type, kind };
    let arn = credential.arn();
    let replaces = input.should_overwrite != Some(false);
    let write = codebuild.store.write(move |tx| {
        if !replaces && tx.exists::<SourceCredential>(&store::Record::key(&credential))? {
            return Err(Error::CredentialsExist(input.server_type.as_str().to_owned()));
        }
        Ok(tx.put(&credential)?)
    });
    write.await?;
    Ok(ImportSourceCredentialsOutput { arn: Some(arn) })
}

fn kind(codebuild: &CodeBuild, ctx: &Ctx, input: &ImportSourceCredentials) -> Result<CredentialKind, Error> {
    let (server, auth) = (&input.server_type, &input.auth_type);
    let refused = |why: &str| Err(Error::InvalidInput(format!("Invalid source credentials: {why}")));
    if input.username.is_some() && *auth != AuthType::BasicAuth {
        return refused("username is for authType BASIC_AUTH alone");
    }
    match auth {
        AuthType::PersonalAccessToken => {}
        AuthType::BasicAuth if *server != ServerType::Bitbucket => {
            return refused("authType BASIC_AUTH is for serverType BITBUCKET alone");
        }
        AuthType::BasicAuth if input.username.is_none() => {
            return refused("username must be given for authType BASIC_AUTH");
        }
        AuthType::BasicAuth => {}
        AuthType::Codeconnections => {
            let services = ["codeconnections", "codestar-connections"];
            return match is_arn(ctx, &input.token, &services, "connection/") {
                true => Ok(CredentialKind::Connection(input.token.clone())),
                false => refused("for authType CODECONNECTIONS the token must be the ARN of a connection"),
            };
        }
        AuthType::SecretsManager => {
            return match is_arn(ctx, &input.token, &["secretsmanager"], "secret:") {
                true => Ok(CredentialKind::Secret(input.token.clone())),
                false => refused(
                    "for authType SECRETS_MANAGER the token must be the ARN of a secret of this account and region",
                ),
            };
        }
        AuthType::Oauth | AuthType::Other(_) => {
            return refused("an OAUTH connection is not supported by the API");
        }
    }
    let purpose = SourceCredential::purpose(&ctx.scope, server.as_str());
    let sealed = codebuild.sealer.seal(&purpose, input.token.as_bytes());
    let sealed_token = sealed.map_err(|error| Error::Other(aws::Error::internal(error)))?;
    Ok(CredentialKind::Token { user_name: input.username.clone(), sealed_token })
}

/// Whether a text names a resource of the caller's account and region.
fn is_arn(ctx: &Ctx, text: &str, services: &[&str], resource: &str) -> bool {
    text.parse::<Arn>().is_ok_and(|arn| {
        let own = ctx.scope.arn(&arn.service, &arn.resource).to_string() == text;
        own && services.contains(&arn.service.as_str()) && arn.resource.starts_with(resource)
    })
}
