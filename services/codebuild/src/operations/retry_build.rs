use aws::Ctx;
use codebuild_model::{RetryBuild, RetryBuildOutput};

use super::start_build::{New, Origin, queue};
use crate::{CodeBuild, auto_retry, batch::part::Wanted, error::Error, records::BuildId, shape};

/// Starts a new build with the settings and the source version of an earlier one, and with what a webhook told it. A
/// batch repeats its builds here, and a build that has failed repeats itself, if its project wants that.
/// Errors: InvalidInput, BuildNotFound, ProjectNotFound, TooManyQueued, TooManyOfProject.
/// Source: CodeBuild API Reference, RetryBuild.
pub(super) async fn retry_build(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: RetryBuild,
) -> Result<RetryBuildOutput, Error> {
    let id = input.id.as_deref().ok_or_else(|| Error::InvalidInput("Build ID must be given".to_owned()))?;
    let earlier = codebuild.build(&ctx.scope, id).await?;
    if !earlier.is_complete() {
        return Err(Error::InvalidInput(format!("Build {id} has not ended yet")));
    }
    let id = BuildId::of_build(&earlier.id.project);
    let (settings, source_version) = (earlier.configuration.0.clone(), earlier.source_version.clone());
    let webhook = earlier.webhook.clone().map(|told| told.again(source_version.as_deref()));
    let token = input.idempotency_token;
    let origin = match Wanted::of(codebuild, ctx, &id.project, token.as_deref()).await? {
        Some(wanted) => Origin::Batch(Box::new(wanted)),
        None if auto_retry::is_own(ctx, &earlier, token.as_deref()) => Origin::AutoRetry(Box::new(earlier)),
        None => Origin::of_token::<RetryBuild>(token, || format!("RetryBuild {}", earlier.id)),
    };
    let build =
        queue(codebuild, ctx, New { id, open: None, settings, source_version, webhook, origin }).await?;
    Ok(RetryBuildOutput { build: Some(shape::build(&build)) })
}
