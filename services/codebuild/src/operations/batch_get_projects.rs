use aws::Ctx;
use codebuild_model::{BatchGetProjects, BatchGetProjectsOutput};

use super::project_name;
use crate::{
    CodeBuild,
    error::Error,
    records::{Project, Webhook},
    shape,
};

/// Projects by name or ARN; names that nobody has are listed apart.
/// Source: CodeBuild API Reference, BatchGetProjects.
pub(super) async fn batch_get_projects(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: BatchGetProjects,
) -> Result<BatchGetProjectsOutput, Error> {
    let (scope, endpoint) = (ctx.scope.clone(), codebuild.config.endpoint.clone());
    let read = codebuild.store.read(move |tx| {
        let (mut projects, mut not_found) = (Vec::new(), Vec::new());
        for name in &input.names {
            match tx.get::<Project>(&Project::key_of(&scope, project_name(name)))? {
                Some(project) => {
                    let webhook = tx.get::<Webhook>(&Webhook::key_of(&scope, &project.name))?;
                    projects.push(shape::project(&project, webhook.as_deref(), &endpoint));
                }
                None => not_found.push(name.clone()),
            }
        }
        Ok::<_, store::Error>((projects, not_found))
    });
    let (projects, not_found) = read.await?;
    Ok(BatchGetProjectsOutput { projects: Some(projects), projects_not_found: Some(not_found) })
}
