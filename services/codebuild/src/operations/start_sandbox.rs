use aws::{Ctx, protocol::json};
use codebuild_model::{ArtifactsType, ProjectArtifacts, START_SANDBOX, StartSandbox, StartSandboxOutput};
use runner::Open;

use super::{
    create_project::default_key,
    project_name,
    start_build::{New, Origin, queue},
};
use crate::{CodeBuild, error::Error, project::complete, records::BuildId, shape};

/// Puts a sandbox into the queue: the environment of a project with its source in place, which stays up for commands. The
/// same `idempotencyToken` within five minutes gives the same sandbox.
/// Errors: InvalidInput, also where StartBuild says that a limit is reached; ProjectNotFound.
/// Source: CodeBuild API Reference, StartSandbox.
pub(super) async fn start_sandbox(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: StartSandbox,
) -> Result<StartSandboxOutput, Error> {
    let request = json::to_value(&StartSandbox { idempotency_token: None, ..input.clone() }, &START_SANDBOX);
    let name = input.project_name.as_deref().map(project_name);
    let name = name.ok_or_else(|| Error::InvalidInput("Project name must be given".to_owned()))?;
    let project = codebuild.project(&ctx.scope, name).await?;
    let mut settings = project.configuration.0;
    // A sandbox leaves nothing.
    settings.artifacts =
        Some(ProjectArtifacts { r#type: ArtifactsType::NoArtifacts, ..ProjectArtifacts::default() });
    settings.secondary_artifacts = None;
    let settings = complete(settings, &default_key(ctx))?;
    let source_version = settings.source_version.clone();
    let new = New {
        id: BuildId::of_sandbox(name),
        open: Some(Open { sandbox: true, hold_seconds: 0 }),
        settings,
        source_version,
        webhook: None,
        origin: Origin::of_token::<StartSandbox>(input.idempotency_token, || request.to_string()),
    };
    let sandbox = queue(codebuild, ctx, new).await.map_err(|error| match error {
        limit @ (Error::TooManyQueued(_) | Error::TooManyOfProject { .. }) => {
            Error::InvalidInput(limit.to_string())
        }
        other => other,
    })?;
    Ok(StartSandboxOutput { sandbox: Some(shape::sandbox(&sandbox)) })
}
