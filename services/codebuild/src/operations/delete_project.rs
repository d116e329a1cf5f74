use aws::Ctx;
use codebuild_model::{DeleteProject, DeleteProjectOutput};

use super::project_name;
use crate::{
    CodeBuild,
    error::Error,
    records::{Project, ResourcePolicy},
};

/// Deletes a project. Its builds stay, those under way go on; a project that does not exist is deleted already.
/// Source: CodeBuild API Reference, DeleteProject.
pub(super) async fn delete_project(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: DeleteProject,
) -> Result<DeleteProjectOutput, Error> {
    let (scope, name) = (ctx.scope.clone(), project_name(&input.name).to_owned());
    let write = codebuild.store.write(move |tx| {
        tx.delete::<ResourcePolicy>(&ResourcePolicy::key_of(&scope, &format!("project/{name}")))?;
        tx.delete::<Project>(&Project::key_of(&scope, &name))
    });
    write.await?;
    Ok(DeleteProjectOutput {})
}
