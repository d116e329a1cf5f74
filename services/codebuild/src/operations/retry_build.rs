use aws::Ctx;
use codebuild_model::{RetryBuild, RetryBuildOutput};

use uuid::Uuid;

use super::start_build::{New, queue};
use crate::{CodeBuild, error::Error, records::BuildId, shape};

/// Starts a new build with the settings and the source version of an earlier one.
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
    let token = input.idempotency_token.map(|token| (token, format!("RetryBuild {}", earlier.id)));
    let settings = earlier.configuration.0.clone();
    let id = BuildId { project: earlier.id.project, uuid: Uuid::new_v4() };
    let new = New { id, open: None, settings, source_version: earlier.source_version, token };
    let build = queue(codebuild, ctx, new).await?;
    Ok(RetryBuildOutput { build: Some(shape::build(&build)) })
}
