use aws::{Ctx, Scope, Timestamp, protocol::json};
use codebuild_model::{
    Project as Settings, START_BUILD_BATCH, StartBuild, StartBuildBatch, StartBuildBatchOutput,
};
use sha2::{Digest, Sha256};
use store::WriteTx;
use uuid::Uuid;

use super::{
    create_project::default_key,
    project_name,
    start_build::{check_pipeline_version, initiator, note_token},
};
use crate::{
    CodeBuild, batch,
    driver::report_batch,
    error::Error,
    project::{complete, override_with},
    records::{Batch, BatchCounter, BuildId, Configuration, Project, Token},
    shape,
};

/// Submits a batch of builds of a project, with settings of its own if asked. What it consists of is found out when its
/// source is there. The same `idempotencyToken` within five minutes gives the same batch.
/// Errors: InvalidInput, ProjectNotFound, NotImplemented.
/// Source: CodeBuild API Reference, StartBuildBatch.
pub(super) async fn start_build_batch(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: StartBuildBatch,
) -> Result<StartBuildBatchOutput, Error> {
    let name = project_name(&input.project_name);
    let project = codebuild.project(&ctx.scope, name).await?;
    let settings = override_with(project.configuration.0, &overrides(&input));
    let settings = complete(with_batch_config(settings, &input), &default_key(ctx))?;
    let version = input.source_version.clone().or_else(|| settings.source_version.clone());
    let version = version.filter(|version| !version.is_empty());
    check_pipeline_version(&settings, version.as_deref())?;
    let initiator = initiator(ctx, version.as_deref());
    let batch = new_batch(&ctx.scope, name, initiator, ctx.now(), settings, version)?;
    let batch = Batch { debug_session: input.debug_session_enabled == Some(true), ..batch };
    let token = input.idempotency_token.clone().map(|token| {
        let input = StartBuildBatch { idempotency_token: None, ..input };
        let request = json::to_value(&input, &START_BUILD_BATCH).to_string();
        (Token::of::<StartBuildBatch>(&token), hex::encode(Sha256::digest(request.as_bytes())))
    });
    let batch = batch.submit();
    let batch = codebuild.store.write(move |tx| insert(tx, &batch, token.as_ref())).await?;
    Ok(StartBuildBatchOutput { build_batch: Some(shape::batch(&batch)) })
}

/// A batch that has yet to be submitted. Errors: InvalidInput if the project has no service role for batches.
pub(crate) fn new_batch(
    scope: &Scope,
    project: &str,
    initiator: String,
    at: Timestamp,
    mut settings: Settings,
    source_version: Option<String>,
) -> Result<Batch, Error> {
    check_batch_role(project, &settings)?;
    settings.build_batch_config.get_or_insert_default().timeout_in_mins.get_or_insert(batch::TIMEOUT_MINUTES);
    Ok(Batch {
        scope: scope.clone(),
        id: BuildId { project: project.to_owned(), uuid: Uuid::new_v4() },
        number: 0,
        initiator,
        started: at,
        resumed: at,
        ended: None,
        configuration: Configuration(settings),
        source_version,
        resolved_source_version: None,
        webhook: None,
        debug_session: false,
        phases: vec![],
        fast_fail: false,
        failing_fast: false,
        groups: vec![],
        artifacts: None,
        reports: vec![],
    })
}

/// Errors: InvalidInput.
pub(crate) fn check_batch_role(project: &str, settings: &Settings) -> Result<(), Error> {
    let role = settings.build_batch_config.as_ref().and_then(|config| config.service_role.as_deref());
    match role.is_none_or(str::is_empty) {
        true => Err(Error::InvalidInput(format!(
            "Project {project} has no service role for batches: buildBatchConfig must be set"
        ))),
        false => Ok(()),
    }
}

fn insert(tx: &mut WriteTx<'_>, batch: &Batch, token: Option<&(String, String)>) -> Result<Batch, Error> {
    let scope = &batch.scope;
    if let Some((token, request)) = token {
        if let Some(earlier) = tx.get::<Token>(&Token::key_of(scope, token))?
            && earlier.expires > batch.started
            // What was deleted has to be asked for anew.
            && let Some(first) = tx.get::<Batch>(&Batch::key_of(scope, &earlier.build))?
        {
            return match earlier.request == *request {
                true => Ok(first.into_inner()),
                false => Err(Error::ParameterMismatch),
            };
        }
        note_token(tx, scope, token, request.clone(), &batch.id, batch.started)?;
    }
    put(tx, batch)
}

/// Writes the record of a new batch, and what drives it. Errors: ProjectNotFound.
pub(crate) fn put(tx: &mut WriteTx<'_>, batch: &Batch) -> Result<Batch, Error> {
    let (scope, project) = (&batch.scope, &batch.id.project);
    // Deleted since it was looked at.
    if !tx.exists::<Project>(&Project::key_of(scope, project))? {
        let arn = scope.arn("codebuild", format_args!("project/{project}"));
        return Err(Error::ProjectNotFound(arn.to_string()));
    }
    let last =
        tx.get::<BatchCounter>(&BatchCounter::key_of(scope, project))?.map_or(0, |counter| counter.last);
    tx.put(&BatchCounter { scope: scope.clone(), project: project.clone(), last: last + 1 })?;
    let batch = Batch { number: last + 1, ..batch.clone() };
    tx.put(&batch)?;
    batch::watch_deadline(tx, &batch)?;
    batch::nudge(tx, &batch)?;
    report_batch(tx, &batch)?;
    Ok(batch)
}

/// The batch's own settings replace the project's, member by member.
fn with_batch_config(mut settings: Settings, input: &StartBuildBatch) -> Settings {
    if let Some(given) = input.build_batch_config_override.clone() {
        let own = settings.build_batch_config.get_or_insert_default();
        own.service_role = given.service_role.or(own.service_role.take());
        own.combine_artifacts = given.combine_artifacts.or(own.combine_artifacts);
        own.restrictions = given.restrictions.or(own.restrictions.take());
        own.timeout_in_mins = given.timeout_in_mins.or(own.timeout_in_mins);
        own.batch_report_mode = given.batch_report_mode.or(own.batch_report_mode.take());
    }
    settings
}

/// What a batch and a build override alike.
fn overrides(input: &StartBuildBatch) -> StartBuild {
    let input = input.clone();
    StartBuild {
        project_name: input.project_name,
        secondary_sources_override: input.secondary_sources_override,
        secondary_sources_version_override: input.secondary_sources_version_override,
        source_version: input.source_version,
        artifacts_override: input.artifacts_override,
        secondary_artifacts_override: input.secondary_artifacts_override,
        environment_variables_override: input.environment_variables_override,
        source_type_override: input.source_type_override,
        source_location_override: input.source_location_override,
        source_auth_override: input.source_auth_override,
        git_clone_depth_override: input.git_clone_depth_override,
        git_submodules_config_override: input.git_submodules_config_override,
        buildspec_override: input.buildspec_override,
        insecure_ssl_override: input.insecure_ssl_override,
        report_build_status_override: input.report_build_batch_status_override,
        environment_type_override: input.environment_type_override,
        image_override: input.image_override,
        compute_type_override: input.compute_type_override,
        certificate_override: input.certificate_override,
        cache_override: input.cache_override,
        service_role_override: input.service_role_override,
        privileged_mode_override: input.privileged_mode_override,
        timeout_in_minutes_override: input.build_timeout_in_minutes_override,
        queued_timeout_in_minutes_override: input.queued_timeout_in_minutes_override,
        encryption_key_override: input.encryption_key_override,
        logs_config_override: input.logs_config_override,
        registry_credential_override: input.registry_credential_override,
        image_pull_credentials_type_override: input.image_pull_credentials_type_override,
        ..StartBuild::default()
    }
}
