use aws::Ctx;
use codebuild_model::{DeleteProject, DeleteProjectOutput};

use super::project_name;
use crate::{CodeBuild, error::Error, records::Project};

/// Deletes a project. Its builds stay, those under way go on; a project that does not exist is deleted already.
/// Source: CodeBuild API Reference, DeleteProject.
pub(super) async fn delete_project(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: DeleteProject,
) -> Result<DeleteProjectOutput, Error> {
    let key = Project::key_of(&ctx.scope, project_name(&input.name));
    codebuild.store.write(move |tx| tx.delete::<Project>(&key)).await?;
    Ok(DeleteProjectOutput {})
}
