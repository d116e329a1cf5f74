use std::time::Duration;

use aws::{Ctx, Principal, protocol::json};
use codebuild_model::{
    ArtifactsType, BuildPhaseType, Project as Settings, START_BUILD, SourceType, StartBuild, StartBuildOutput,
};
use runner::Open;
use sha2::{Digest, Sha256};
use store::{Key, Range, WriteTx};
use uuid::Uuid;

use super::{create_project::default_key, project_name};
use crate::{
    CodeBuild, announce,
    artifacts::destination::destination,
    driver::{BUILDS, Entry, QUEUED_TIMEOUTS},
    error::Error,
    project::{complete, override_with},
    records::{Artifact, Build, BuildId, Configuration, Counter, Project, Step, Token},
    service::Config,
    shape, source,
    state::{Change, News, Outcome},
};

/// How long an idempotency token holds.
const TOKEN_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// A variable of a build with a debug session: minutes for which it stays open after a phase that has failed. StartBuild
/// of AWS has no member for it.
pub const HOLD_MINUTES: &str = "STAGEWRIGHT_HOLD_ON_FAILURE_MINUTES";
const MOST_HOLD_MINUTES: u64 = 480;
/// Old tokens that are cleared away with each new build.
const CLEARED_TOKENS: usize = 20;

/// Puts a build of a project into the queue, with settings of its own if asked. The same `idempotencyToken` within five
/// minutes gives the same build.
/// Errors: InvalidInput, ProjectNotFound, TooManyQueued, TooManyOfProject, NotImplemented.
/// Source: CodeBuild API Reference, StartBuild.
pub(super) async fn start_build(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: StartBuild,
) -> Result<StartBuildOutput, Error> {
    let name = project_name(&input.project_name);
    let project = codebuild.project(&ctx.scope, name).await?;
    let token = input.idempotency_token.clone();
    let request = json::to_value(&StartBuild { idempotency_token: None, ..input.clone() }, &START_BUILD);
    let settings = override_with(project.configuration.0, &input)?;
    let settings = complete(settings, &default_key(ctx))?;
    let version = input.source_version.clone().or_else(|| settings.source_version.clone());
    let open = match input.debug_session_enabled {
        Some(true) => Some(Open { sandbox: false, hold_seconds: hold_seconds(&settings)? }),
        Some(false) | None => None,
    };
    let id = BuildId { project: name.to_owned(), uuid: Uuid::new_v4() };
    let token = token.map(|token| (token, request.to_string()));
    let build = queue(codebuild, ctx, New { id, open, settings, source_version: version, token }).await?;
    Ok(StartBuildOutput { build: Some(shape::build(&build)) })
}

/// How long a build with a debug session stays open after a phase that has failed.
fn hold_seconds(settings: &Settings) -> Result<u64, Error> {
    let environment = settings.environment.as_ref();
    let variables = environment.and_then(|environment| environment.environment_variables.as_ref());
    let given = variables.into_iter().flatten().find(|variable| variable.name == HOLD_MINUTES);
    let Some(given) = given else { return Ok(0) };
    match given.value.parse::<u64>() {
        Ok(minutes) if minutes <= MOST_HOLD_MINUTES => Ok(minutes * 60),
        Ok(_) | Err(_) => Err(Error::InvalidInput(format!(
            "Invalid environment: {HOLD_MINUTES} must be a number of minutes from 0 to {MOST_HOLD_MINUTES}, but is '{}'",
            given.value
        ))),
    }
}

/// What a build is made of.
pub(super) struct New {
    pub id: BuildId,
    pub open: Option<Open>,
    pub settings: Settings,
    pub source_version: Option<String>,
    /// The idempotency token with the parameters that it stands for.
    pub token: Option<(String, String)>,
}

/// Makes the record of a build and everything that drives it, in one transaction.
pub(super) async fn queue(codebuild: &CodeBuild, ctx: &Ctx, new: New) -> Result<Build, Error> {
    let New { id, open, settings, source_version, token } = new;
    let source_version = source_version.filter(|version| !version.is_empty());
    let build = Build {
        scope: ctx.scope.clone(),
        number: 0,
        initiator: initiator(ctx, source_version.as_deref()),
        started: ctx.now(),
        ended: None,
        artifacts: None,
        secondary_artifacts: vec![],
        configuration: Configuration(settings),
        source_version,
        resolved_source_version: None,
        phases: vec![],
        step: Step::Preparing,
        stopping: false,
        log: None,
        credentials_token: None,
        exported: vec![],
        on_behalf_of: None,
        open,
        id,
    };
    let build = with_destinations(build);
    check(&build)?;
    let token = token.map(|(token, request)| Token {
        scope: ctx.scope.clone(),
        token,
        request: hex::encode(Sha256::digest(request.as_bytes())),
        build: build.id.clone(),
        expires: ctx.now().plus(TOKEN_LIFETIME),
    });
    let config = codebuild.config.clone();
    codebuild.store.write(move |tx| insert(tx, &build, token.as_ref(), &config)).await
}

/// What settings alone do not tell.
fn check(build: &Build) -> Result<(), Error> {
    let settings = &build.configuration.0;
    if settings.source.as_ref().is_some_and(|source| source.r#type == SourceType::Codepipeline) {
        let version = build.source_version.as_deref().unwrap_or_default();
        if !version.starts_with("arn:") || source::s3::split(version).is_none() {
            return Err(Error::InvalidInput(
                "A build of a project with source type CODEPIPELINE is started by its pipeline: sourceVersion must be the \
                 ARN of the input artifact"
                    .to_owned(),
            ));
        }
        if settings
            .artifacts
            .as_ref()
            .is_some_and(|artifacts| artifacts.r#type == ArtifactsType::Codepipeline)
        {
            return Err(Error::InvalidInput(
                "A build of a project with source type CODEPIPELINE is started by its pipeline: artifactsOverride must \
                 say where the output goes"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}

/// What will be uploaded is known by its place before it is there.
pub(crate) fn with_destinations(mut build: Build) -> Build {
    let place = |artifacts: &codebuild_model::ProjectArtifacts| {
        let place = destination(artifacts, &build.id.project, build.id.uuid, None, None)?;
        let location = place.arn(&build.scope.partition);
        Some(Artifact {
            identifier: artifacts.artifact_identifier.clone(),
            location,
            sha256: None,
            md5: None,
        })
    };
    let settings = &build.configuration.0;
    let is_s3 = |artifacts: &&codebuild_model::ProjectArtifacts| artifacts.r#type == ArtifactsType::S3;
    let primary = settings.artifacts.as_ref().filter(is_s3).and_then(place);
    let secondary = settings.secondary_artifacts.iter().flatten().filter(is_s3).filter_map(place).collect();
    build.artifacts = primary;
    build.secondary_artifacts = secondary;
    build
}

fn insert(
    tx: &mut WriteTx<'_>,
    build: &Build,
    token: Option<&Token>,
    config: &Config,
) -> Result<Build, Error> {
    if let Some(token) = token {
        if let Some(earlier) = tx.get::<Token>(&Token::key_of(&token.scope, &token.token))?
            && earlier.expires > build.started
            && let Some(first) = tx.get::<Build>(&Build::key_of(&build.scope, &earlier.build))?
        {
            return match earlier.request == token.request {
                true => Ok(first.into_inner()),
                false => Err(Error::InvalidInput(
                    "Idempotency token was already used with different parameters: idempotent parameter mismatch"
                        .to_owned(),
                )),
            };
        }
        clear_old_tokens(tx, build.started.as_millis())?;
        tx.put(token)?;
    }
    admit(tx, build, config)?;
    let build = Build { number: next_number(tx, build)?, ..build.clone() };
    put(build, tx)
}

/// Writes the record of a new build, and what drives it.
pub(crate) fn put(build: Build, tx: &mut WriteTx<'_>) -> Result<Build, Error> {
    let build = submitted(build, tx)?;
    tx.put(&build)?;
    let entry = Entry::of(&build);
    tx.enqueue(BUILDS, &entry.id(), &entry, None)?;
    let minutes =
        u64::try_from(build.configuration.0.queued_timeout_in_minutes.unwrap_or(480)).unwrap_or(480);
    let due = build.started.plus(Duration::from_secs(minutes * 60));
    tx.enqueue(QUEUED_TIMEOUTS, &entry.id(), &entry, Some(due.as_millis()))?;
    Ok(build)
}

fn clear_old_tokens(tx: &mut WriteTx<'_>, now: i64) -> Result<(), store::Error> {
    let old = Range::between(Key::empty().and_i64(i64::MIN), Key::empty().and_i64(now));
    for token in tx.scan_index::<Token>(Token::EXPIRES, old, CLEARED_TOKENS)?.into_records() {
        tx.delete::<Token>(&Token::key_of(&token.scope, &token.token))?;
    }
    Ok(())
}

/// Refuses any build while the queue is full.
pub(crate) fn check_queue(tx: &mut WriteTx<'_>, config: &Config) -> Result<(), Error> {
    match tx.queue_length(BUILDS)? >= config.queue + config.concurrency as u64 {
        true => Err(Error::TooManyQueued(config.queue)),
        false => Ok(()),
    }
}

/// Refuses a build that has no place in the queue.
fn admit(tx: &mut WriteTx<'_>, build: &Build, config: &Config) -> Result<(), Error> {
    check_queue(tx, config)?;
    if let Some(limit) = build.configuration.0.concurrent_build_limit {
        let of_project = Build::of_project(&build.scope, &build.id.project);
        let running = tx.count_index::<Build>(Build::RUNNING, Range::prefix(of_project))?;
        if running >= u64::try_from(limit).unwrap_or(0) {
            return Err(Error::TooManyOfProject { project: build.id.project.clone(), limit });
        }
    }
    // Deleted since it was looked at.
    let project = build.id.project_name();
    if !tx.exists::<Project>(&Project::key_of(&build.scope, project))? {
        let arn = build.scope.arn("codebuild", format_args!("project/{project}"));
        return Err(Error::ProjectNotFound(arn.to_string()));
    }
    Ok(())
}

fn next_number(tx: &mut WriteTx<'_>, build: &Build) -> Result<u64, store::Error> {
    let (scope, project) = (build.scope.clone(), build.id.project.clone());
    let last = tx.get::<Counter>(&Counter::key_of(&scope, &project))?.map_or(0, |counter| counter.last);
    tx.put(&Counter { scope, project, last: last + 1 })?;
    Ok(last + 1)
}

/// SUBMITTED is passed at once; the build waits in QUEUED.
fn submitted(mut build: Build, tx: &mut WriteTx<'_>) -> Result<Build, store::Error> {
    let at = build.started;
    build.apply(Change::Enter { phase: BuildPhaseType::Submitted, at });
    announce::publish(tx, &build, &News::State, at)?;
    let passed = Change::Leave { phase: BuildPhaseType::Submitted, outcome: Outcome::passed(), at };
    if let Some(news) = build.apply(passed) {
        announce::publish(tx, &build, &news, at)?;
    }
    build.apply(Change::Enter { phase: BuildPhaseType::Queued, at });
    Ok(build)
}

/// Who started a build, as CodeBuild names it.
///
/// A pipeline is known by the artifact that it hands over, whose key begins with the pipeline's name (cut to twenty
/// characters).
fn initiator(ctx: &Ctx, source_version: Option<&str>) -> String {
    if ctx.invoked_by.as_deref() == Some("codepipeline.amazonaws.com") {
        let key = source_version.and_then(source::s3::split).map(|(_, key)| key);
        if let Some(pipeline) = key.and_then(|key| key.split('/').next()) {
            return format!("codepipeline/{pipeline}");
        }
    }
    match &ctx.caller.principal {
        Principal::Root { .. } => "root".to_owned(),
        Principal::User { name, .. }
        | Principal::FederatedUser { name, .. }
        | Principal::Service { name } => name.clone(),
        Principal::AssumedRole { role_name, session_name, .. } => format!("{role_name}/{session_name}"),
        Principal::Anonymous => "anonymous".to_owned(),
    }
}
