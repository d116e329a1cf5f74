use aws::Ctx;
use codepipeline_model::{DeleteWebhook, DeleteWebhookOutput};

use crate::CodePipeline;
use crate::error::Error;
use crate::records::Webhook;

/// Deletes a webhook; its address is not given to another one. Deleting one that is not there is no error.
/// Source: CodePipeline API Reference, DeleteWebhook.
pub(super) async fn delete_webhook(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: DeleteWebhook,
) -> Result<DeleteWebhookOutput, Error> {
    let key = Webhook::key_of(&ctx.scope, &input.name);
    codepipeline.store.write(move |tx| tx.delete::<Webhook>(&key).map(|_| ())).await?;
    Ok(DeleteWebhookOutput {})
}
