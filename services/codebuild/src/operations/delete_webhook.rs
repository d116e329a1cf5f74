use aws::Ctx;
use codebuild_model::{DeleteWebhook, DeleteWebhookOutput};

use crate::{CodeBuild, error::Error, records::Webhook, webhook::host};

/// Takes the webhook away, at the Git host first. Errors: ProjectNotFound, WebhookNotFound, Provider.
/// Source: CodeBuild API Reference, DeleteWebhook.
pub(super) async fn delete_webhook(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: DeleteWebhook,
) -> Result<DeleteWebhookOutput, Error> {
    let project = codebuild.project(&ctx.scope, &input.project_name).await?;
    let webhook = codebuild.webhook(&ctx.scope, &project.name).await?;
    // One that the host has not confirmed may be there all the same.
    if !webhook.is_manual() {
        host::deregister(codebuild, &project, &webhook).await?;
    }
    let key = store::Record::key(&webhook);
    codebuild.store.write(move |tx| tx.delete::<Webhook>(&key)).await?;
    Ok(DeleteWebhookOutput {})
}
