use std::time::Duration;

use aws::{Ctx, Operation, Principal, Scope, Timestamp, protocol::json};
use codebuild_model::{
    ArtifactsType, BuildPhaseType, Project as Settings, START_BUILD, SourceType, StartBuild, StartBuildOutput,
};
use runner::Open;
use sha2::{Digest, Sha256};
use store::{Key, Range, WriteTx};

use super::{create_project::default_key, project_name};
use crate::{
    CodeBuild, announce,
    artifacts::destination::destination,
    batch::part::{self, Wanted},
    container::Isolation,
    driver::{BUILDS, Entry, QUEUED_TIMEOUTS, enqueue, queue_of, report},
    error::Error,
    fleet::capacity,
    project::{complete, override_with},
    records::{
        Artifact, AutoRetry, Build, BuildId, Configuration, Counter, Project, Step, Token, WebhookStart,
    },
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
/// minutes gives the same build. A batch asks for its builds here too, see [`Wanted`].
/// Errors: InvalidInput, ProjectNotFound, TooManyQueued, TooManyOfProject, NotImplemented.
/// Source: CodeBuild API Reference, StartBuild.
pub(super) async fn start_build(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: StartBuild,
) -> Result<StartBuildOutput, Error> {
    let name = &project_name(&input.project_name).to_owned();
    let wanted = Wanted::of(codebuild, ctx, name, input.idempotency_token.as_deref()).await?;
    let settings = match &wanted {
        Some(wanted) => wanted.batch.configuration.0.clone(),
        None => codebuild.project(&ctx.scope, name).await?.configuration.0,
    };
    let settings = complete(override_with(settings, &input), &default_key(ctx))?;
    let version = input.source_version.clone().or_else(|| settings.source_version.clone());
    let open = match input.debug_session_enabled {
        Some(true) => Some(Open { sandbox: false, hold_seconds: hold_seconds(&settings)? }),
        Some(false) | None => None,
    };
    let id = BuildId::of_build(name);
    let origin = match wanted {
        Some(wanted) => Origin::Batch(Box::new(wanted)),
        None => Origin::of_token::<StartBuild>(input.idempotency_token.clone(), || {
            let input = StartBuild { idempotency_token: None, ..input };
            json::to_value(&input, &START_BUILD).to_string()
        }),
    };
    let new = New { id, open, settings, source_version: version, webhook: None, origin };
    let build = queue(codebuild, ctx, new).await?;
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
    /// Unless a batch has said which.
    pub id: BuildId,
    pub open: Option<Open>,
    pub settings: Settings,
    pub source_version: Option<String>,
    pub webhook: Option<WebhookStart>,
    pub origin: Origin,
}

/// What makes a call that is made twice make one build.
pub(super) enum Origin {
    /// Nothing does.
    Anybody,
    /// The idempotency token as it is kept, with the parameters that it stands for.
    Token {
        token: String,
        request: String,
    },
    Batch(Box<Wanted>),
    /// The build that has failed has one successor.
    AutoRetry(Box<Build>),
}

impl Origin {
    pub fn of_token<O: Operation>(token: Option<String>, request: impl FnOnce() -> String) -> Self {
        match token {
            Some(token) => Self::Token { token: Token::of::<O>(&token), request: request() },
            None => Self::Anybody,
        }
    }
}

/// Makes the record of a build and everything that drives it, in one transaction.
pub(super) async fn queue(codebuild: &CodeBuild, ctx: &Ctx, new: New) -> Result<Build, Error> {
    let New { id, open, settings, source_version, webhook, origin } = new;
    let initiator = match &origin {
        // Whoever started the first one started this one too.
        Origin::AutoRetry(earlier) => earlier.initiator.clone(),
        Origin::Anybody | Origin::Token { .. } | Origin::Batch(_) => {
            initiator(ctx, source_version.as_deref())
        }
    };
    let mut build = new_build(&ctx.scope, id, initiator, ctx.now(), settings, source_version);
    build.open = open;
    build.webhook = webhook;
    if build.is_sandbox() {
        build.auto_retry = None;
    }
    match &origin {
        Origin::Anybody | Origin::Token { .. } => {}
        // Builds of batches are repeated by RetryBuildBatch, not by themselves.
        Origin::Batch(wanted) => {
            build.id.uuid = wanted.build;
            build.part_of = Some(wanted.part_of.clone());
            build.webhook = wanted.batch.webhook.clone();
            build.auto_retry = None;
        }
        Origin::AutoRetry(earlier) => {
            if let (Some(retry), Some(before)) = (&mut build.auto_retry, &earlier.auto_retry) {
                retry.number = before.number + 1;
                retry.previous = Some(earlier.id.clone());
            }
        }
    }
    let build = with_destinations(build);
    check(&build)?;
    let config = codebuild.config.clone();
    codebuild.store.write(move |tx| insert(tx, &build, &origin, &config)).await
}

/// A build that has no number yet.
pub(crate) fn new_build(
    scope: &Scope,
    id: BuildId,
    initiator: String,
    started: Timestamp,
    settings: Settings,
    source_version: Option<String>,
) -> Build {
    let limit = settings.auto_retry_limit.filter(|limit| *limit > 0);
    with_destinations(Build {
        scope: scope.clone(),
        id,
        number: 0,
        initiator,
        started,
        ended: None,
        artifacts: None,
        secondary_artifacts: vec![],
        auto_retry: limit.map(|limit| AutoRetry { limit, number: 0, previous: None, next: None }),
        reports: vec![],
        configuration: Configuration(settings),
        source_version: source_version.filter(|version| !version.is_empty()),
        resolved_source_version: None,
        phases: vec![],
        step: Step::Preparing,
        stopping: false,
        log: None,
        credentials_token: None,
        exported: vec![],
        part_of: None,
        on_behalf_of: None,
        fleet: None,
        webhook: None,
        open: None,
    })
}

/// What settings alone do not tell.
fn check(build: &Build) -> Result<(), Error> {
    check_pipeline_version(&build.configuration.0, build.source_version.as_deref())
}

/// A pipeline says where its input is and where the output goes.
pub(super) fn check_pipeline_version(settings: &Settings, version: Option<&str>) -> Result<(), Error> {
    if settings.source.as_ref().is_some_and(|source| source.r#type == SourceType::Codepipeline) {
        let version = version.unwrap_or_default();
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

fn insert(tx: &mut WriteTx<'_>, build: &Build, origin: &Origin, config: &Config) -> Result<Build, Error> {
    if let Some(first) = made_before(tx, build, origin)? {
        return Ok(first);
    }
    number(tx, build, config)
}

/// Gives a new build its number and its place in the queue.
/// Errors: TooManyQueued, TooManyOfProject, ProjectNotFound; InvalidInput for its fleet.
pub(crate) fn number(tx: &mut WriteTx<'_>, build: &Build, config: &Config) -> Result<Build, Error> {
    let build = capacity::place(tx, build.clone(), config.queue)?;
    admit(tx, &build, config)?;
    let build = Build { number: next_number(tx, &build)?, ..build };
    let at = build.started;
    let build = put(build, tx)?;
    part::started(tx, &build, at)?;
    Ok(build)
}

/// The build that the same call made before. If there is none, notes that this one is made now.
fn made_before(tx: &mut WriteTx<'_>, build: &Build, origin: &Origin) -> Result<Option<Build>, Error> {
    match origin {
        Origin::Anybody => Ok(None),
        Origin::Batch(_) => {
            let found = tx.get::<Build>(&Build::key_of(&build.scope, &build.id))?;
            Ok(found.map(store::Versioned::into_inner))
        }
        Origin::AutoRetry(earlier) => {
            let not_found = || Error::BuildNotFound(earlier.id.to_string());
            let key = Build::key_of(&earlier.scope, &earlier.id);
            let mut earlier = tx.get::<Build>(&key)?.ok_or_else(not_found)?;
            let retry = earlier.record.auto_retry.as_mut().ok_or_else(not_found)?;
            if let Some(next) = &retry.next {
                let found = tx.get::<Build>(&Build::key_of(&build.scope, next))?;
                return found.map(|found| Some(found.into_inner())).ok_or_else(not_found);
            }
            retry.next = Some(build.id.clone());
            tx.update(&earlier)?;
            Ok(None)
        }
        Origin::Token { token, request } => {
            let request = hex::encode(Sha256::digest(request.as_bytes()));
            if let Some(earlier) = tx.get::<Token>(&Token::key_of(&build.scope, token))?
                && earlier.expires > build.started
                && let Some(first) = tx.get::<Build>(&Build::key_of(&build.scope, &earlier.build))?
            {
                return match earlier.request == request {
                    true => Ok(Some(first.into_inner())),
                    false => Err(Error::ParameterMismatch),
                };
            }
            note_token(tx, &build.scope, token, request, &build.id, build.started)?;
            Ok(None)
        }
    }
}

/// Keeps what a token was used for, for as long as it holds.
pub(super) fn note_token(
    tx: &mut WriteTx<'_>,
    scope: &Scope,
    token: &str,
    request: String,
    made: &BuildId,
    at: Timestamp,
) -> Result<(), store::Error> {
    clear_old_tokens(tx, at.as_millis())?;
    let token = Token {
        scope: scope.clone(),
        token: token.to_owned(),
        request,
        build: made.clone(),
        expires: at.plus(TOKEN_LIFETIME),
    };
    tx.put(&token).map(|_| ())
}

/// Writes the record of a new build, and what drives it.
pub(crate) fn put(build: Build, tx: &mut WriteTx<'_>) -> Result<Build, Error> {
    let build = submitted(build, tx)?;
    tx.put(&build)?;
    enqueue(tx, &build)?;
    let entry = Entry::of(&build);
    let minutes =
        u64::try_from(build.configuration.0.queued_timeout_in_minutes.unwrap_or(480)).unwrap_or(480);
    let due = build.started.plus(Duration::from_secs(minutes * 60));
    tx.enqueue(QUEUED_TIMEOUTS, &entry.id(), &entry, Some(due.as_millis()))?;
    report(tx, &build)?;
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
    if queue_of(build) == Some(BUILDS) {
        check_queue(tx, config)?;
    }
    let is_elsewhere = matches!(config.containers.isolation, Isolation::Workers | Isolation::Kubernetes);
    if build.open.is_some() && is_elsewhere {
        let message = "Sandboxes and debug sessions are not available: this server's builds run on workers";
        return Err(Error::InvalidInput(message.to_owned()));
    }
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
pub(super) fn initiator(ctx: &Ctx, source_version: Option<&str>) -> String {
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
