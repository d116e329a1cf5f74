use aws::Ctx;
use codebuild_model::{StartSandboxConnection, StartSandboxConnectionOutput};

use crate::{CodeBuild, error::Error, sessions};

/// Offers a shell in a sandbox. The session is one of this server, for `stagewright build attach`, and none that AWS's
/// Session Manager plugin could open.
/// Errors: InvalidInput for a sandbox that is not up; SandboxNotFound.
/// Source: CodeBuild API Reference, StartSandboxConnection.
pub(super) async fn start_sandbox_connection(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: StartSandboxConnection,
) -> Result<StartSandboxConnectionOutput, Error> {
    let sandbox = codebuild.sandbox(&ctx.scope, &input.sandbox_id).await?;
    let session = sessions::offer(codebuild, &sandbox).await?;
    Ok(StartSandboxConnectionOutput { ssm_session: Some(session) })
}
