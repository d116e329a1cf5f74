use aws::Ctx;
use codebuild_model::{StartBuildConnection, StartBuildConnectionOutput};

use crate::{CodeBuild, error::Error, sessions};

/// Offers a shell in a build whose debug session is enabled, while its commands run or are paused. AWS has no such call: its
/// clients go to Systems Manager with the target of the debug session.
/// Errors: InvalidInput; BuildNotFound.
pub(super) async fn start_build_connection(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: StartBuildConnection,
) -> Result<StartBuildConnectionOutput, Error> {
    let build = codebuild.build(&ctx.scope, &input.id).await?;
    let session = sessions::offer(codebuild, &build).await?;
    Ok(StartBuildConnectionOutput { ssm_session: Some(session) })
}
