//! What is served: one file per operation.

mod batch_delete_builds;
mod batch_get_build_batches;
mod batch_get_builds;
mod batch_get_command_executions;
mod batch_get_projects;
mod batch_get_sandboxes;
mod create_project;
mod create_webhook;
mod delete_build_batch;
mod delete_project;
mod delete_source_credentials;
mod delete_webhook;
mod fleets;
mod import_source_credentials;
mod invalidate_project_cache;
mod list_build_batches;
mod list_build_batches_for_project;
mod list_builds;
mod list_builds_for_project;
mod list_command_executions_for_sandbox;
mod list_curated_environment_images;
mod list_projects;
mod list_sandboxes;
mod list_sandboxes_for_project;
mod list_source_credentials;
mod report_groups;
mod reports;
mod retry_build;
mod retry_build_batch;
mod sharing;
pub(crate) mod start_build;
pub(crate) mod start_build_batch;
mod start_build_connection;
mod start_command_execution;
mod start_sandbox;
mod start_sandbox_connection;
pub(crate) mod stop_build;
mod stop_build_batch;
mod stop_sandbox;
mod tags;
mod update_project;
mod update_project_visibility;
mod update_webhook;

use std::{collections::BTreeSet, sync::Arc};

use aws::{Access, Arn, Ctx, Router, Scope};
use codebuild_model as model;
use store::Key;

pub(crate) use report_groups::tags_of;

use crate::{CodeBuild, PRINCIPAL, error::Error, records::BuildId};

/// Names and ids that one page of a list has.
const PAGE: usize = 100;

/// What is served, and on which resources the policies are asked: builds by their projects.
pub(crate) fn router(state: Arc<CodeBuild>) -> Router {
    let router = Router::of(&model::CODEBUILD, state);
    let router = fleets::serve(sharing::serve(reports::serve(report_groups::serve(router))));
    router
        .on::<model::BatchDeleteBuilds, _>(batch_delete_builds::batch_delete_builds, |op, scope| {
            projects_of(&op.ids, scope)
        })
        .on::<model::BatchGetBuildBatches, _>(
            batch_get_build_batches::batch_get_build_batches,
            |op, scope| projects_of(&op.ids, scope),
        )
        .on_resolved::<model::BatchGetBuilds, _, _>(
            batch_get_builds::batch_get_builds,
            batch_get_builds::access,
        )
        .on_resolved::<model::BatchGetProjects, _, _>(
            batch_get_projects::batch_get_projects,
            batch_get_projects::access,
        )
        .on::<model::CreateProject, _>(create_project::create_project, |op, scope| {
            let tags = op.tags.iter().flatten();
            let tags =
                tags.filter_map(|tag| Some((tag.key.as_deref()?, tag.value.as_deref().unwrap_or_default())));
            let roles = std::iter::once(op.service_role.as_str()).chain(batch_role(&op.build_batch_config));
            std::iter::once(project(&op.name, scope).with_request_tags(tags))
                .chain(roles.map(|role| Access::pass_role(role, PRINCIPAL)))
                .collect()
        })
        .on::<model::DeleteBuildBatch, _>(delete_build_batch::delete_build_batch, |op, scope| {
            projects_of(std::slice::from_ref(&op.id), scope)
        })
        .on::<model::CreateWebhook, _>(create_webhook::create_webhook, |op, scope| {
            vec![project(&op.project_name, scope)]
        })
        .on::<model::DeleteWebhook, _>(delete_webhook::delete_webhook, |op, scope| {
            vec![project(&op.project_name, scope)]
        })
        .on::<model::UpdateWebhook, _>(update_webhook::update_webhook, |op, scope| {
            vec![project(&op.project_name, scope)]
        })
        .on::<model::DeleteProject, _>(delete_project::delete_project, |op, scope| {
            vec![project(project_name(&op.name), scope)]
        })
        .on::<model::DeleteSourceCredentials, _>(
            delete_source_credentials::delete_source_credentials,
            |_, _| vec![Access::any()],
        )
        .on::<model::ImportSourceCredentials, _>(
            import_source_credentials::import_source_credentials,
            |op, _| std::iter::once(Access::any()).chain(pass_connection(&op.auth_type, &op.token)).collect(),
        )
        .on::<model::InvalidateProjectCache, _>(
            invalidate_project_cache::invalidate_project_cache,
            |op, scope| vec![project(project_name(&op.project_name), scope)],
        )
        .on::<model::ListBuildBatches, _>(list_build_batches::list_build_batches, |_, _| vec![Access::any()])
        .on::<model::ListBuildBatchesForProject, _>(
            list_build_batches_for_project::list_build_batches_for_project,
            |op, scope| {
                vec![
                    op.project_name
                        .as_deref()
                        .map_or_else(Access::any, |name| project(project_name(name), scope)),
                ]
            },
        )
        .on::<model::ListBuilds, _>(list_builds::list_builds, |_, _| vec![Access::any()])
        .on_resolved::<model::ListBuildsForProject, _, _>(
            list_builds_for_project::list_builds_for_project,
            list_builds_for_project::access,
        )
        .on::<model::ListCuratedEnvironmentImages, _>(
            list_curated_environment_images::list_curated_environment_images,
            |_, _| vec![Access::any()],
        )
        .on::<model::ListProjects, _>(list_projects::list_projects, |_, _| vec![Access::any()])
        .on::<model::ListSourceCredentials, _>(list_source_credentials::list_source_credentials, |_, _| {
            vec![Access::any()]
        })
        .on::<model::RetryBuild, _>(retry_build::retry_build, |op, scope| {
            projects_of(op.id.as_slice(), scope)
        })
        .on::<model::RetryBuildBatch, _>(retry_build_batch::retry_build_batch, |op, scope| {
            projects_of(op.id.as_slice(), scope)
        })
        .on::<model::StartBuild, _>(start_build::start_build, |op, scope| {
            let started = project(project_name(&op.project_name), scope);
            let other_role = op.service_role_override.as_deref();
            std::iter::once(started)
                .chain(other_role.map(|role| Access::pass_role(role, PRINCIPAL)))
                .collect()
        })
        .on::<model::StartBuildBatch, _>(start_build_batch::start_build_batch, |op, scope| {
            let started = project(project_name(&op.project_name), scope);
            let roles = op.service_role_override.as_deref().into_iter();
            let roles = roles.chain(batch_role(&op.build_batch_config_override));
            std::iter::once(started).chain(roles.map(|role| Access::pass_role(role, PRINCIPAL))).collect()
        })
        .on::<model::StopBuild, _>(stop_build::stop_build, |op, scope| {
            projects_of(std::slice::from_ref(&op.id), scope)
        })
        .on::<model::StopBuildBatch, _>(stop_build_batch::stop_build_batch, |op, scope| {
            projects_of(std::slice::from_ref(&op.id), scope)
        })
        .on::<model::UpdateProject, _>(update_project::update_project, |op, scope| {
            let updated = project(project_name(&op.name), scope);
            let roles = op.service_role.as_deref().into_iter().chain(batch_role(&op.build_batch_config));
            std::iter::once(updated).chain(roles.map(|role| Access::pass_role(role, PRINCIPAL))).collect()
        })
        .on::<model::UpdateProjectVisibility, _>(
            update_project_visibility::update_project_visibility,
            |op, scope| {
                let updated = match op.project_arn.starts_with("arn:") {
                    true => Access::to(&op.project_arn),
                    false => project(&op.project_arn, scope),
                };
                let role = op.resource_access_role.as_deref();
                std::iter::once(updated).chain(role.map(|role| Access::pass_role(role, PRINCIPAL))).collect()
            },
        )
        .on::<model::BatchGetCommandExecutions, _>(
            batch_get_command_executions::batch_get_command_executions,
            |op, scope| sandboxes_of(std::slice::from_ref(&op.sandbox_id), scope),
        )
        .on::<model::BatchGetSandboxes, _>(batch_get_sandboxes::batch_get_sandboxes, |op, scope| {
            sandboxes_of(&op.ids, scope)
        })
        .on::<model::ListCommandExecutionsForSandbox, _>(
            list_command_executions_for_sandbox::list_command_executions_for_sandbox,
            |op, scope| sandboxes_of(std::slice::from_ref(&op.sandbox_id), scope),
        )
        .on::<model::ListSandboxes, _>(list_sandboxes::list_sandboxes, |_, _| vec![Access::any()])
        .on::<model::ListSandboxesForProject, _>(
            list_sandboxes_for_project::list_sandboxes_for_project,
            |op, scope| vec![project(project_name(&op.project_name), scope)],
        )
        .on::<model::StartBuildConnection, _>(start_build_connection::start_build_connection, |op, scope| {
            projects_of(std::slice::from_ref(&op.id), scope)
        })
        .on::<model::StartCommandExecution, _>(
            start_command_execution::start_command_execution,
            |op, scope| sandboxes_of(std::slice::from_ref(&op.sandbox_id), scope),
        )
        .on::<model::StartSandbox, _>(start_sandbox::start_sandbox, |op, scope| {
            vec![
                op.project_name
                    .as_deref()
                    .map_or_else(Access::any, |name| project(project_name(name), scope)),
            ]
        })
        .on::<model::StartSandboxConnection, _>(
            start_sandbox_connection::start_sandbox_connection,
            |op, scope| sandboxes_of(std::slice::from_ref(&op.sandbox_id), scope),
        )
        .on::<model::StopSandbox, _>(stop_sandbox::stop_sandbox, |op, scope| {
            sandboxes_of(std::slice::from_ref(&op.id), scope)
        })
        .build()
}

/// The role that batches start their builds with.
fn batch_role(config: &Option<model::ProjectBuildBatchConfig>) -> Option<&str> {
    config.as_ref()?.service_role.as_deref().filter(|role| !role.is_empty())
}

/// Who hands a connection to CodeBuild must be allowed to.
fn pass_connection(auth_type: &model::AuthType, token: &str) -> Option<Access> {
    let arn = token.parse::<Arn>().ok().filter(|_| *auth_type == model::AuthType::Codeconnections)?;
    Some(
        Access::to(token)
            .action(&format!("{}:PassConnection", arn.service))
            .when(&format!("{}:PassedToService", arn.service), PRINCIPAL),
    )
}

fn project(name: &str, scope: &Scope) -> Access {
    Access::to(scope.arn("codebuild", format_args!("project/{name}")))
}

/// A project's ARN names it too.
fn project_name(given: &str) -> &str {
    match given.starts_with("arn:") {
        true => given.rsplit_once(":project/").map_or(given, |(_, name)| name),
        false => given,
    }
}

/// Where a project is that may be another account's, by its name or its ARN.
fn project_at(scope: &Scope, given: &str) -> (Scope, String) {
    let of_arn = report_groups::owned(scope, given)
        .and_then(|(scope, resource)| Some((scope, resource.strip_prefix("project/")?.to_owned())));
    of_arn.unwrap_or_else(|| (scope.clone(), project_name(given).to_owned()))
}

/// Where a build is that may be another account's, by its id or its ARN.
fn build_at(scope: &Scope, given: &str) -> Option<(Scope, BuildId)> {
    let id = BuildId::parse(given)?;
    let scope = match given.starts_with("arn:") {
        true => report_groups::owned(scope, given)?.0,
        false => scope.clone(),
    };
    Some((scope, id))
}

/// What the policies are asked for projects that may be shared: each once, with its own policy.
async fn access_to_shared(
    codebuild: &CodeBuild,
    projects: Vec<(Scope, String)>,
) -> Result<Vec<Access>, Error> {
    let mut accesses: Vec<Access> = Vec::new();
    for (scope, name) in projects {
        let access = project(&name, &scope);
        if accesses.iter().all(|known| known.resource != access.resource) {
            let resource = format!("project/{name}");
            accesses.push(sharing::with_policy(codebuild, &scope, &resource, access).await?);
        }
    }
    Ok(accesses)
}

/// The projects of builds, each once. An id that cannot be one stands for a project of that name.
fn projects_of(ids: &[String], scope: &Scope) -> Vec<Access> {
    let names: BTreeSet<String> = ids
        .iter()
        .map(|id| match BuildId::parse(id).or_else(|| BuildId::parse_batch(id)) {
            Some(id) => id.project,
            None => id.split(':').next().unwrap_or(id).to_owned(),
        })
        .collect();
    match names.is_empty() {
        true => vec![Access::any()],
        false => names.iter().map(|name| project(name, scope)).collect(),
    }
}

/// The projects of sandboxes, each once.
fn sandboxes_of(ids: &[String], scope: &Scope) -> Vec<Access> {
    let public = ids.iter().map(|id| BuildId::parse_sandbox(id).map_or_else(|| id.clone(), |id| id.public()));
    projects_of(&public.collect::<Vec<_>>(), scope)
}

/// Where a page begins. Errors: `InvalidInput` for a token that was not made for this.
fn page_start(ctx: &Ctx, token: Option<&str>) -> Result<Option<Key>, Error> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let opened = ctx.open_page_token(token).and_then(|position| Key::from_bytes(position).ok());
    opened.map(Some).ok_or_else(|| Error::InvalidInput("Invalid nextToken".to_owned()))
}

fn next_token(ctx: &Ctx, next: Option<&Key>) -> Option<String> {
    next.map(|key| ctx.seal_page_token(key.as_bytes()))
}

/// How many results a page has; the model bounds what is asked for.
fn page_size(asked: Option<i32>) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(PAGE).clamp(1, PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_are_authorised_by_their_projects() {
        let scope = crate::state::tests::build().scope;
        let ids = [
            "demo:7dfd1f4e-6b1c-4c5f-9f3e-000000000001",
            "demo:7dfd1f4e-6b1c-4c5f-9f3e-000000000002",
            "nonsense",
        ];
        let resources: Vec<String> =
            projects_of(&ids.map(str::to_owned), &scope).into_iter().map(|access| access.resource).collect();
        let arn = "arn:aws:codebuild:us-east-1:123456789012:project/";
        assert_eq!(resources, [format!("{arn}demo"), format!("{arn}nonsense")]);
    }
}
