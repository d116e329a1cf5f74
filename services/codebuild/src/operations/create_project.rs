use aws::Ctx;
use codebuild_model::{CreateProject, CreateProjectOutput, Project as Settings, ProjectVisibilityType};
use uuid::Uuid;

use crate::{
    CodeBuild,
    error::Error,
    fleet::capacity,
    project::{check_badge, check_pipeline, complete},
    records::{Configuration, Project},
    role, shape,
};

/// Creates a project. Its service role is tried: CodeBuild must be able to assume it.
/// Errors: InvalidInput, ProjectAlreadyExists, NotImplemented.
/// Source: CodeBuild API Reference, CreateProject.
pub(super) async fn create_project(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: CreateProject,
) -> Result<CreateProjectOutput, Error> {
    let settings = Settings {
        description: input.description,
        source: Some(input.source),
        secondary_sources: input.secondary_sources,
        source_version: input.source_version,
        secondary_source_versions: input.secondary_source_versions,
        artifacts: Some(input.artifacts),
        secondary_artifacts: input.secondary_artifacts,
        cache: input.cache,
        environment: Some(input.environment),
        service_role: Some(input.service_role.clone()),
        timeout_in_minutes: input.timeout_in_minutes,
        queued_timeout_in_minutes: input.queued_timeout_in_minutes,
        encryption_key: input.encryption_key,
        tags: Some(input.tags.unwrap_or_default()),
        vpc_config: input.vpc_config,
        logs_config: input.logs_config,
        file_system_locations: input.file_system_locations,
        build_batch_config: input.build_batch_config,
        concurrent_build_limit: input.concurrent_build_limit,
        project_visibility: Some(ProjectVisibilityType::Private),
        auto_retry_limit: input.auto_retry_limit,
        ..Settings::default()
    };
    let settings = complete(settings, &default_key(ctx))?;
    check_pipeline(&settings)?;
    let badge = input.badge_enabled == Some(true);
    check_badge(&settings, badge)?;
    try_role(codebuild, ctx, &input.service_role).await?;
    if let Some(role) = settings.build_batch_config.as_ref().and_then(|config| config.service_role.as_deref())
    {
        try_role(codebuild, ctx, role).await?;
    }
    let project = Project {
        scope: ctx.scope.clone(),
        name: input.name,
        created: ctx.now(),
        last_modified: ctx.now(),
        configuration: Configuration(settings),
        badge: badge.then(Uuid::new_v4),
    };
    let write = codebuild.store.write(move |tx| {
        let mut project = project.clone();
        capacity::resolve_project(tx, &project.scope, &mut project.configuration.0)?;
        match tx.put_if(&project, None) {
            Err(store::Error::Conflict { .. }) => Err(Error::ProjectAlreadyExists(project.arn())),
            Err(other) => Err(other.into()),
            Ok(_) => Ok(project),
        }
    });
    let output = shape::project(&write.await?, None, &codebuild.config.endpoint);
    Ok(CreateProjectOutput { project: Some(output) })
}

/// The key that S3 uses by itself.
pub(super) fn default_key(ctx: &Ctx) -> String {
    ctx.scope.arn("kms", "alias/aws/s3").to_string()
}

pub(super) async fn try_role(codebuild: &CodeBuild, ctx: &Ctx, arn: &str) -> Result<(), Error> {
    role::check(&codebuild.client, &ctx.scope, arn).await.map_err(|error| match error.is_fault() {
        true => Error::Other(error),
        false => Error::InvalidInput(error.message),
    })
}
