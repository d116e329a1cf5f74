use aws::Ctx;
use codepipeline_model::{DeregisterWebhookWithThirdParty, DeregisterWebhookWithThirdPartyOutput};

use crate::CodePipeline;
use crate::error::Error;
use crate::webhooks::third_party::GitHub;

/// Tells GitHub to deliver nothing more to a webhook; no error if it did not. Errors: as RegisterWebhookWithThirdParty.
/// Source: CodePipeline API Reference, DeregisterWebhookWithThirdParty.
pub(super) async fn deregister_webhook_with_third_party(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: DeregisterWebhookWithThirdParty,
) -> Result<DeregisterWebhookWithThirdPartyOutput, Error> {
    GitHub::of(codepipeline, ctx.scope.clone(), input.webhook_name).await?.deregister().await?;
    Ok(DeregisterWebhookWithThirdPartyOutput {})
}
