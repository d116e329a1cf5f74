use aws::Ctx;
use codebuild_model::{ProjectVisibilityType, UpdateProjectVisibility, UpdateProjectVisibilityOutput};
use uuid::Uuid;

use super::{create_project::try_role, report_groups::owned};
use crate::{CodeBuild, error::Error, records::Project};

/// Says whether the builds of a project are to be public, and as which role their logs and artifacts may be read then. The
/// alias stays the same once it was given.
/// Errors: InvalidInput, ProjectNotFound.
/// Source: CodeBuild API Reference, UpdateProjectVisibility.
pub(super) async fn update_project_visibility(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: UpdateProjectVisibility,
) -> Result<UpdateProjectVisibilityOutput, Error> {
    let arn = input.project_arn.clone();
    let invalid = || Error::InvalidInput(format!("Invalid project ARN: {arn}"));
    let (scope, resource) = owned(&ctx.scope, &arn).ok_or_else(invalid)?;
    let name = resource.strip_prefix("project/").ok_or_else(invalid)?;
    let is_public = match &input.project_visibility {
        ProjectVisibilityType::PublicRead => true,
        ProjectVisibilityType::Private => false,
        ProjectVisibilityType::Other(other) => {
            return Err(Error::InvalidInput(format!("Invalid project visibility: {other}")));
        }
    };
    codebuild.project(&scope, name).await?;
    if let Some(role) = &input.resource_access_role {
        try_role(codebuild, ctx, role).await?;
    }
    let (key, now) = (Project::key_of(&scope, name), ctx.now());
    let not_found = Error::ProjectNotFound(arn.clone());
    let (role, visibility) = (input.resource_access_role, input.project_visibility.clone());
    let write = codebuild.store.write(move |tx| {
        let mut project = tx.get::<Project>(&key)?.ok_or_else(|| not_found.clone())?;
        let settings = &mut project.record.configuration.0;
        settings.project_visibility = Some(visibility.clone());
        if role.is_some() {
            settings.resource_access_role.clone_from(&role);
        }
        if is_public {
            settings.public_project_alias.get_or_insert_with(|| Uuid::new_v4().simple().to_string());
        }
        let alias = settings.public_project_alias.clone();
        project.record.last_modified = now;
        tx.update(&project)?;
        Ok::<_, Error>(alias)
    });
    let alias = write.await?.filter(|_| is_public);
    Ok(UpdateProjectVisibilityOutput {
        project_arn: Some(input.project_arn),
        public_project_alias: alias,
        project_visibility: Some(input.project_visibility),
    })
}
