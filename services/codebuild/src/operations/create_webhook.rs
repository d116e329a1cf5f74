use aws::Ctx;
use codebuild_model::{self as model, CreateWebhook, CreateWebhookOutput};

use crate::{
    CodeBuild,
    error::Error,
    records::{Webhook, WebhookSettings},
    shape,
    webhook::{endpoint::new_address, host, settings},
};

/// Makes the webhook of a project, and registers it at the Git host unless the user wants to do that himself: then the answer
/// has its address and secret. One that could not be registered is not made.
/// Errors: InvalidInput, ProjectNotFound, WebhookExists, Provider, NotImplemented.
/// Source: CodeBuild API Reference, CreateWebhook.
pub(super) async fn create_webhook(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: CreateWebhook,
) -> Result<CreateWebhookOutput, Error> {
    let project = codebuild.project(&ctx.scope, &input.project_name).await?;
    let provider = host::repository(&project.configuration.0)?.provider;
    let given = model::Webhook {
        branch_filter: input.branch_filter,
        filter_groups: input.filter_groups,
        build_type: input.build_type,
        manual_creation: input.manual_creation,
        scope_configuration: input.scope_configuration,
        pull_request_build_policy: input.pull_request_build_policy,
        ..model::Webhook::default()
    };
    let settings = settings::complete(given, provider)?;
    let (secret, sealed_secret) = new_secret(codebuild, ctx, &project.name)?;
    let mut webhook = Webhook {
        scope: ctx.scope.clone(),
        project: project.name.clone(),
        provider,
        address: new_address(),
        sealed_secret,
        secret_modified: ctx.now(),
        url: None,
        settings: WebhookSettings(settings),
    };
    // Before the host knows of it: it may deliver at once.
    put_new(codebuild, webhook.clone()).await?;
    if !webhook.is_manual() {
        match host::register(codebuild, &project, &webhook, &secret).await {
            Ok(url) => webhook.url = Some(url),
            Err(error) => {
                let key = store::Record::key(&webhook);
                codebuild.store.write(move |tx| tx.delete::<Webhook>(&key)).await?;
                return Err(error);
            }
        }
        let registered = webhook.clone();
        codebuild.store.write(move |tx| tx.put(&registered)).await?;
    }
    let shown = shape::webhook(&webhook, &codebuild.config.endpoint);
    let secret = webhook.is_manual().then_some(secret);
    Ok(CreateWebhookOutput { webhook: Some(model::Webhook { secret, ..shown }) })
}

async fn put_new(codebuild: &CodeBuild, webhook: Webhook) -> Result<(), Error> {
    let write = codebuild.store.write(move |tx| match tx.put_if(&webhook, None) {
        Err(store::Error::Conflict { .. }) => Err(Error::WebhookExists(webhook.project.clone())),
        other => Ok(other.map(drop)?),
    });
    write.await
}

/// A secret, and what is stored of it.
pub(super) fn new_secret(codebuild: &CodeBuild, ctx: &Ctx, project: &str) -> Result<(String, String), Error> {
    let secret = hex::encode(rand::random::<[u8; 32]>());
    let sealed = codebuild.sealer.seal(&Webhook::purpose(&ctx.scope, project), secret.as_bytes());
    Ok((secret, sealed.map_err(|error| Error::Other(aws::Error::internal(error)))?))
}
