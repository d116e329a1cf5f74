use aws::Ctx;
use codebuild_model::{self as model, UpdateWebhook, UpdateWebhookOutput};

use super::create_webhook::new_secret;
use crate::{
    CodeBuild,
    error::Error,
    records::{Webhook, WebhookSettings},
    shape,
    webhook::{host, settings},
};

/// Changes what starts builds; what is not sent stays. A new secret is good once the host has it; if the host does not take
/// it, the old one stays. Errors: InvalidInput, ProjectNotFound, WebhookNotFound, Provider, NotImplemented.
/// Source: CodeBuild API Reference, UpdateWebhook.
pub(super) async fn update_webhook(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: UpdateWebhook,
) -> Result<UpdateWebhookOutput, Error> {
    let project = codebuild.project(&ctx.scope, &input.project_name).await?;
    let before = codebuild.webhook(&ctx.scope, &project.name).await?;
    let known = before.settings.0.clone();
    // One kind of filter takes the place of the other.
    let (branch_filter, filter_groups) = match (input.branch_filter, input.filter_groups) {
        (None, None) => (known.branch_filter.clone(), known.filter_groups.clone()),
        given => given,
    };
    let given = model::Webhook {
        branch_filter,
        filter_groups,
        build_type: input.build_type.or(known.build_type.clone()),
        pull_request_build_policy: input
            .pull_request_build_policy
            .or(known.pull_request_build_policy.clone()),
        ..known
    };
    let settings = WebhookSettings(settings::complete(given, before.provider)?);
    let mut after = Webhook { settings, ..before.clone() };
    let mut told = None;
    if input.rotate_secret == Some(true) {
        let (secret, sealed_secret) = new_secret(codebuild, ctx, &project.name)?;
        after.sealed_secret = sealed_secret;
        after.secret_modified = ctx.now();
        put(codebuild, after.clone()).await?;
        match before.is_manual() {
            true => told = Some(secret),
            false => match host::register(codebuild, &project, &after, &secret).await {
                Ok(url) => after.url = Some(url),
                Err(error) => {
                    put(codebuild, before).await?;
                    return Err(error);
                }
            },
        }
    }
    put(codebuild, after.clone()).await?;
    let shown = shape::webhook(&after, &codebuild.config.endpoint);
    Ok(UpdateWebhookOutput { webhook: Some(model::Webhook { secret: told, ..shown }) })
}

/// Errors: WebhookNotFound, if it was deleted since.
async fn put(codebuild: &CodeBuild, webhook: Webhook) -> Result<(), Error> {
    let write = codebuild.store.write(move |tx| {
        let key = store::Record::key(&webhook);
        let same = tx.get::<Webhook>(&key)?.is_some_and(|known| known.address == webhook.address);
        match same {
            true => Ok(tx.put(&webhook).map(drop)?),
            false => Err(Error::WebhookNotFound(webhook.project.clone())),
        }
    });
    write.await
}
