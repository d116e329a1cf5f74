use aws::{Access, Ctx};
use codebuild_model::{BatchGetProjects, BatchGetProjectsOutput};

use super::{access_to_shared, project_at};
use crate::{
    CodeBuild,
    error::Error,
    records::{Project, Webhook},
    shape,
};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &BatchGetProjects,
) -> Result<Vec<Access>, Error> {
    let projects = input.names.iter().map(|name| project_at(&ctx.scope, name)).collect();
    access_to_shared(codebuild, projects).await
}

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
            let (scope, of_project) = project_at(&scope, name);
            match tx.get::<Project>(&Project::key_of(&scope, &of_project))? {
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
