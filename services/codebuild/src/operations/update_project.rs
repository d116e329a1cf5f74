use aws::Ctx;
use codebuild_model::{Project as Settings, UpdateProject, UpdateProjectOutput};
use uuid::Uuid;

use super::{
    create_project::{default_key, try_role},
    project_name,
};
use crate::{
    CodeBuild,
    error::Error,
    fleet::capacity,
    project::{check_badge, check_pipeline, complete},
    records::{Project, Webhook},
    shape,
};

/// Changes the settings that are sent; a structure replaces the one that was there. Builds under way keep theirs.
/// Errors: InvalidInput, ProjectNotFound, NotImplemented.
/// Source: CodeBuild API Reference, UpdateProject.
pub(super) async fn update_project(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: UpdateProject,
) -> Result<UpdateProjectOutput, Error> {
    let name = project_name(&input.name).to_owned();
    codebuild.project(&ctx.scope, &name).await?;
    let of_batches = input.build_batch_config.as_ref().and_then(|config| config.service_role.as_ref());
    for role in input.service_role.iter().chain(of_batches) {
        try_role(codebuild, ctx, role).await?;
    }
    let key = Project::key_of(&ctx.scope, &name);
    let arn = ctx.scope.arn("codebuild", format_args!("project/{name}")).to_string();
    let (default_key, now) = (default_key(ctx), ctx.now());
    let (new_badge, endpoint) = (Uuid::new_v4(), codebuild.config.endpoint.clone());
    let updated = codebuild
        .store
        .write(move |tx| {
            let mut project = tx.get::<Project>(&key)?.ok_or_else(|| Error::ProjectNotFound(arn.clone()))?;
            let settings = std::mem::take(&mut project.record.configuration.0);
            project.record.configuration.0 = complete(merge(settings, input.clone()), &default_key)?;
            // Of a fleet that is gone nobody need be told by whoever changes something else.
            if input.environment.is_some() || input.build_batch_config.is_some() {
                let scope = project.scope.clone();
                capacity::resolve_project(tx, &scope, &mut project.record.configuration.0)?;
            }
            check_pipeline(&project.configuration.0)?;
            // Its address stays the same as long as it has one.
            project.record.badge = match input.badge_enabled {
                Some(true) => project.badge.or(Some(new_badge)),
                Some(false) => None,
                None => project.badge,
            };
            check_badge(&project.configuration.0, project.badge.is_some())?;
            project.record.last_modified = now;
            tx.update(&project)?;
            let webhook = tx.get::<Webhook>(&Webhook::key_of(&project.scope, &project.name))?;
            Ok::<_, Error>(shape::project(&project.record, webhook.as_deref(), &endpoint))
        })
        .await?;
    Ok(UpdateProjectOutput { project: Some(updated) })
}

fn merge(settings: Settings, input: UpdateProject) -> Settings {
    Settings {
        description: input.description.or(settings.description),
        source: input.source.or(settings.source),
        secondary_sources: input.secondary_sources.or(settings.secondary_sources),
        source_version: input.source_version.or(settings.source_version),
        secondary_source_versions: input.secondary_source_versions.or(settings.secondary_source_versions),
        artifacts: input.artifacts.or(settings.artifacts),
        secondary_artifacts: input.secondary_artifacts.or(settings.secondary_artifacts),
        cache: input.cache.or(settings.cache),
        environment: input.environment.or(settings.environment),
        service_role: input.service_role.or(settings.service_role),
        timeout_in_minutes: input.timeout_in_minutes.or(settings.timeout_in_minutes),
        queued_timeout_in_minutes: input.queued_timeout_in_minutes.or(settings.queued_timeout_in_minutes),
        encryption_key: input.encryption_key.or(settings.encryption_key),
        tags: input.tags.or(settings.tags),
        vpc_config: input.vpc_config.or(settings.vpc_config),
        logs_config: input.logs_config.or(settings.logs_config),
        file_system_locations: input.file_system_locations.or(settings.file_system_locations),
        build_batch_config: input.build_batch_config.or(settings.build_batch_config),
        concurrent_build_limit: input.concurrent_build_limit.or(settings.concurrent_build_limit),
        auto_retry_limit: input.auto_retry_limit.or(settings.auto_retry_limit),
        ..settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_sent_stays_and_an_empty_list_clears() {
        let before = Settings {
            description: Some("old".into()),
            secondary_sources: Some(vec![codebuild_model::ProjectSource::default()]),
            ..crate::project::tests::project()
        };
        let input = UpdateProject { secondary_sources: Some(vec![]), ..UpdateProject::default() };
        let after = merge(before, input);
        assert_eq!(after.description.as_deref(), Some("old"));
        assert_eq!(after.secondary_sources, Some(vec![]));
    }
}
