use aws::Ctx;
use codepipeline_model::{RegisterWebhookWithThirdParty, RegisterWebhookWithThirdPartyOutput};

use crate::CodePipeline;
use crate::error::Error;
use crate::webhooks::third_party::GitHub;

/// Tells GitHub, or the server in its place that the operator names, to deliver pushes to a webhook. Registering it again
/// tells it the present address and secret.
/// Errors: `WebhookNotFound`, `Validation` (its target is no GitHub action, GitHub refuses).
/// Source: CodePipeline API Reference, RegisterWebhookWithThirdParty.
pub(super) async fn register_webhook_with_third_party(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: RegisterWebhookWithThirdParty,
) -> Result<RegisterWebhookWithThirdPartyOutput, Error> {
    GitHub::of(codepipeline, ctx.scope.clone(), input.webhook_name).await?.register().await?;
    Ok(RegisterWebhookWithThirdPartyOutput {})
}
