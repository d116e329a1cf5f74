use aws::Ctx;
use codebuild_model::{self as model, UpdateWebhook, UpdateWebhookOutput};

use super::create_webhook::{check_batch, new_secret};
use crate::{
    CodeBuild,
    error::Error,
    records::{Project, Webhook, WebhookSettings},
    shape,
    webhook::{host, settings},
};

/// Changes what starts builds; what is not sent stays. A new secret is good at once, and the old one until the host has
/// confirmed the new one. Errors: InvalidInput, ProjectNotFound, WebhookNotFound, Provider, NotImplemented.
/// Source: CodeBuild API Reference, UpdateWebhook.
pub(super) async fn update_webhook(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: UpdateWebhook,
) -> Result<UpdateWebhookOutput, Error> {
    let project = codebuild.project(&ctx.scope, &input.project_name).await?;
    let before = codebuild.webhook(&ctx.scope, &project.name).await?;
    let settings = WebhookSettings(settings::complete(changed(&before, &input), before.provider)?);
    check_batch(&project, &settings.0)?;
    let mut told = None;
    let after = match input.rotate_secret {
        Some(true) => {
            let (webhook, secret) = rotate(codebuild, ctx, &project, &before).await?;
            told = webhook.is_manual().then_some(secret);
            webhook
        }
        Some(false) | None => before,
    };
    let after = change(codebuild, &after, move |webhook| webhook.settings = settings.clone()).await?;
    let shown = shape::webhook(&after, &codebuild.config.endpoint);
    Ok(UpdateWebhookOutput { webhook: Some(model::Webhook { secret: told, ..shown }) })
}

/// The settings with what was sent in them.
fn changed(before: &Webhook, input: &UpdateWebhook) -> model::Webhook {
    let known = before.settings.0.clone();
    // One kind of filter takes the place of the other.
    let (branch_filter, filter_groups) = match (&input.branch_filter, &input.filter_groups) {
        (None, None) => (known.branch_filter.clone(), known.filter_groups.clone()),
        (branch_filter, filter_groups) => (branch_filter.clone(), filter_groups.clone()),
    };
    let policy = input.pull_request_build_policy.clone();
    model::Webhook {
        branch_filter,
        filter_groups,
        build_type: input.build_type.clone().or(known.build_type.clone()),
        pull_request_build_policy: policy.or(known.pull_request_build_policy.clone()),
        ..known
    }
}

/// Answers the webhook with its new secret, and the secret. One that the host was told before and has not confirmed is told
/// again, so that there are never more than two that it may sign with.
async fn rotate(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    project: &Project,
    before: &Webhook,
) -> Result<(Webhook, String), Error> {
    let (_, sealed) = new_secret(codebuild, ctx, &project.name)?;
    let begun = change(codebuild, before, move |webhook| {
        webhook.sealed_next_secret.get_or_insert_with(|| sealed.clone());
    });
    let begun = begun.await?;
    let next = begun.sealed_next_secret.clone().unwrap_or_default();
    let purpose = Webhook::purpose(&begun.scope, &begun.project);
    let secret = codebuild.sealer.open_text(&purpose, &next);
    let secret = secret.map_err(|error| Error::Other(aws::Error::internal(error)))?;
    let url = match begun.is_manual() {
        true => None,
        false => Some(host::register(codebuild, project, &begun, &secret).await?),
    };
    let now = ctx.now();
    let rotated = change(codebuild, &begun, move |webhook| {
        webhook.sealed_secret = next.clone();
        webhook.sealed_next_secret.take_if(|told| *told == next);
        webhook.secret_modified = now;
        webhook.url = url.clone();
    });
    Ok((rotated.await?, secret))
}

/// Errors: WebhookNotFound, if it was deleted since.
async fn change(
    codebuild: &CodeBuild,
    webhook: &Webhook,
    change: impl Fn(&mut Webhook) + Send + Sync + 'static,
) -> Result<Webhook, Error> {
    let (key, address, project) =
        (store::Record::key(webhook), webhook.address.clone(), webhook.project.clone());
    let write = codebuild.store.write(move |tx| {
        let known = tx.get::<Webhook>(&key)?.filter(|known| known.address == address);
        let mut known = known.ok_or_else(|| Error::WebhookNotFound(project.clone()))?;
        change(&mut known.record);
        tx.update(&known)?;
        Ok(known.into_inner())
    });
    write.await
}
