use aws::Ctx;
use codebuild_model::{DeleteProject, DeleteProjectOutput};

use super::project_name;
use crate::{
    CodeBuild,
    cache::owner_of_layers,
    error::Error,
    records::{Project, ResourcePolicy, Webhook},
    webhook::host,
};

/// Deletes a project. Its builds stay, those under way go on; its webhook and what is kept of its builds' Docker layers go. A project that does not exist is deleted already.
/// Source: CodeBuild API Reference, DeleteProject.
pub(super) async fn delete_project(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: DeleteProject,
) -> Result<DeleteProjectOutput, Error> {
    let (scope, name) = (ctx.scope.clone(), project_name(&input.name).to_owned());
    if let Ok(project) = codebuild.project(&scope, &name).await
        && let Ok(webhook) = codebuild.webhook(&scope, &project.name).await
        && !webhook.is_manual()
        && let Err(error) = host::deregister(codebuild, &project, &webhook).await
    {
        tracing::warn!(%error, project = project.name, "its webhook stays at the Git host, and is refused here");
    }
    let owner = owner_of_layers(&scope, &name);
    let write = codebuild.store.write(move |tx| {
        let key = Project::key_of(&scope, &name);
        tx.delete::<ResourcePolicy>(&ResourcePolicy::key_of(&scope, &format!("project/{name}")))?;
        tx.delete::<Webhook>(&key)?;
        tx.delete::<Project>(&key)
    });
    write.await?;
    if let Err(error) = codebuild.executor.discard_layers(&owner).await {
        tracing::warn!(%error, owner, "Docker layers of a project that is gone are still there");
    }
    Ok(DeleteProjectOutput {})
}
