use aws::Ctx;
use codebuild_model::{self as model, CreateWebhook, CreateWebhookOutput};

use super::start_build_batch::check_batch_role;
use crate::{
    CodeBuild,
    error::Error,
    records::{Project, Webhook, WebhookSettings},
    shape,
    webhook::{endpoint::new_address, host, scope, settings},
};

/// Makes the webhook of a project, and registers it at the Git host unless the user wants to do that himself: then the answer
/// has its address and secret. One that could not be registered is not made; where the host does not even answer whether it has
/// it, it stays `CREATING`, and the same call or DeleteWebhook ends that.
/// Errors: InvalidInput, ProjectNotFound, WebhookExists, Provider, NotImplemented.
/// Source: CodeBuild API Reference, CreateWebhook.
pub(super) async fn create_webhook(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: CreateWebhook,
) -> Result<CreateWebhookOutput, Error> {
    let project = codebuild.project(&ctx.scope, &input.project_name).await?;
    let provider = host::provider(&project.configuration.0)?;
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
    scope::check(&settings, &project.configuration.0)?;
    check_batch(&project, &settings)?;
    let (secret, sealed_secret) = new_secret(codebuild, ctx, &project.name)?;
    let webhook = Webhook {
        scope: ctx.scope.clone(),
        project: project.name.clone(),
        provider,
        address: new_address(),
        sealed_secret,
        sealed_next_secret: None,
        secret_modified: ctx.now(),
        url: None,
        settings: WebhookSettings(settings),
    };
    // Before the host knows of it: it may deliver at once, and what is left by a crash can be found.
    let webhook = put_new(codebuild, webhook).await?;
    if webhook.is_manual() {
        let shown = shape::webhook(&webhook, &codebuild.config.endpoint);
        return Ok(CreateWebhookOutput { webhook: Some(model::Webhook { secret: Some(secret), ..shown }) });
    }
    let webhook = register(codebuild, &project, webhook).await?;
    Ok(CreateWebhookOutput { webhook: Some(shape::webhook(&webhook, &codebuild.config.endpoint)) })
}

/// A webhook that starts batches needs a project that has them. Errors: InvalidInput.
pub(super) fn check_batch(project: &Project, webhook: &model::Webhook) -> Result<(), Error> {
    match webhook.build_type == Some(model::WebhookBuildType::BuildBatch) {
        true => check_batch_role(&project.name, &project.configuration.0),
        false => Ok(()),
    }
}

/// A webhook that another call has begun and not finished is gone on with: the host may have it, by its address and secret.
async fn put_new(codebuild: &CodeBuild, webhook: Webhook) -> Result<Webhook, Error> {
    let write = codebuild.store.write(move |tx| {
        let Some(mut known) = tx.get::<Webhook>(&store::Record::key(&webhook))? else {
            tx.put(&webhook)?;
            return Ok(webhook.clone());
        };
        let is_resumed = known.is_unfinished() && !webhook.is_manual() && known.provider == webhook.provider;
        if !is_resumed {
            return Err(Error::WebhookExists(webhook.project.clone()));
        }
        known.record.settings = webhook.settings.clone();
        tx.update(&known)?;
        Ok(known.into_inner())
    });
    write.await
}

/// Has the host have it, and records that it has; or neither, as far as the host can be asked.
async fn register(codebuild: &CodeBuild, project: &Project, mut webhook: Webhook) -> Result<Webhook, Error> {
    let key = store::Record::key(&webhook);
    let purpose = Webhook::purpose(&webhook.scope, &webhook.project);
    let secret = codebuild.sealer.open_text(&purpose, &webhook.sealed_secret);
    let secret = secret.map_err(|error| Error::Other(aws::Error::internal(error)))?;
    match host::register_new(codebuild, project, &webhook, &secret).await {
        Ok(url) => {
            webhook.url = Some(url);
            let registered = webhook.clone();
            codebuild.store.write(move |tx| tx.put(&registered)).await?;
            Ok(webhook)
        }
        Err((error, is_away)) => {
            if is_away {
                codebuild.store.write(move |tx| tx.delete::<Webhook>(&key)).await?;
            }
            Err(error)
        }
    }
}

/// A secret, and what is stored of it.
pub(super) fn new_secret(codebuild: &CodeBuild, ctx: &Ctx, project: &str) -> Result<(String, String), Error> {
    let secret = hex::encode(rand::random::<[u8; 32]>());
    let sealed = codebuild.sealer.seal(&Webhook::purpose(&ctx.scope, project), secret.as_bytes());
    Ok((secret, sealed.map_err(|error| Error::Other(aws::Error::internal(error)))?))
}
