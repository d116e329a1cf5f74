//! What is served: one file per operation.

mod batch_delete_builds;
mod batch_get_builds;
mod batch_get_command_executions;
mod batch_get_projects;
mod batch_get_sandboxes;
mod create_project;
mod delete_project;
mod list_builds;
mod list_builds_for_project;
mod list_command_executions_for_sandbox;
mod list_projects;
mod list_sandboxes;
mod list_sandboxes_for_project;
mod retry_build;
pub(crate) mod start_build;
mod start_build_connection;
mod start_command_execution;
mod start_sandbox;
mod start_sandbox_connection;
pub(crate) mod stop_build;
mod stop_sandbox;
mod update_project;

use std::{collections::BTreeSet, sync::Arc};

use aws::{Access, Ctx, Router, Scope};
use codebuild_model as model;
use store::Key;

use crate::{CodeBuild, PRINCIPAL, error::Error, records::BuildId};

/// Names and ids that one page of a list has.
const PAGE: usize = 100;

/// What is served, and on which resources the policies are asked: builds by their projects.
pub(crate) fn router(state: Arc<CodeBuild>) -> Router {
    Router::of(&model::CODEBUILD, state)
        .on::<model::BatchDeleteBuilds, _>(batch_delete_builds::batch_delete_builds, |op, scope| {
            projects_of(&op.ids, scope)
        })
        .on::<model::BatchGetBuilds, _>(batch_get_builds::batch_get_builds, |op, scope| {
            projects_of(&op.ids, scope)
        })
        .on::<model::BatchGetProjects, _>(batch_get_projects::batch_get_projects, |op, scope| {
            let names: BTreeSet<&str> = op.names.iter().map(|name| project_name(name)).collect();
            names.into_iter().map(|name| project(name, scope)).collect()
        })
        .on::<model::CreateProject, _>(create_project::create_project, |op, scope| {
            let tags = op.tags.iter().flatten();
            let tags =
                tags.filter_map(|tag| Some((tag.key.as_deref()?, tag.value.as_deref().unwrap_or_default())));
            vec![
                project(&op.name, scope).with_request_tags(tags),
                Access::pass_role(&op.service_role, PRINCIPAL),
            ]
        })
        .on::<model::DeleteProject, _>(delete_project::delete_project, |op, scope| {
            vec![project(project_name(&op.name), scope)]
        })
        .on::<model::ListBuilds, _>(list_builds::list_builds, |_, _| vec![Access::any()])
        .on::<model::ListBuildsForProject, _>(
            list_builds_for_project::list_builds_for_project,
            |op, scope| vec![project(project_name(&op.project_name), scope)],
        )
        .on::<model::ListProjects, _>(list_projects::list_projects, |_, _| vec![Access::any()])
        .on::<model::RetryBuild, _>(retry_build::retry_build, |op, scope| {
            projects_of(op.id.as_slice(), scope)
        })
        .on::<model::StartBuild, _>(start_build::start_build, |op, scope| {
            let started = project(project_name(&op.project_name), scope);
            let other_role = op.service_role_override.as_deref();
            std::iter::once(started)
                .chain(other_role.map(|role| Access::pass_role(role, PRINCIPAL)))
                .collect()
        })
        .on::<model::StopBuild, _>(stop_build::stop_build, |op, scope| {
            projects_of(std::slice::from_ref(&op.id), scope)
        })
        .on::<model::UpdateProject, _>(update_project::update_project, |op, scope| {
            let updated = project(project_name(&op.name), scope);
            let role = op.service_role.as_deref();
            std::iter::once(updated).chain(role.map(|role| Access::pass_role(role, PRINCIPAL))).collect()
        })
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

/// The projects of builds, each once. An id that cannot be one stands for a project of that name.
fn projects_of(ids: &[String], scope: &Scope) -> Vec<Access> {
    let names: BTreeSet<String> = ids
        .iter()
        .map(|id| match BuildId::parse(id) {
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

/// What the model bounds already.
fn page_size(asked: Option<i32>) -> usize {
    asked.and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE).clamp(1, PAGE)
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
