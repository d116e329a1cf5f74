use aws::Ctx;
use codebuild_model::{StopSandbox, StopSandboxOutput};

use super::stop_build::stop;
use crate::{CodeBuild, error::Error, shape};

/// Asks a sandbox to end, with everything that runs in it. One that has ended stays as it is.
/// Errors: SandboxNotFound.
/// Source: CodeBuild API Reference, StopSandbox.
pub(super) async fn stop_sandbox(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: StopSandbox,
) -> Result<StopSandboxOutput, Error> {
    let sandbox = codebuild.sandbox(&ctx.scope, &input.id).await?;
    let stopped = stop(codebuild, sandbox, ctx.now()).await?;
    Ok(StopSandboxOutput { sandbox: Some(shape::sandbox(&stopped)) })
}
