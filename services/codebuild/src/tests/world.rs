//! STS, S3, Logs and Secrets Manager as far as builds use them, and a server that can be killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Cursor, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use aws::{
    Access, AccessKey, AuditRecord, Auditor, Authenticator, Authoriser, Caller, Client, Ctx, Error, Event,
    Gateway, Objects, Operation, Principal, Router, Scope, Secret, Service, Timestamp,
    client::GatewaySlot,
    event,
    objects::{ByteStream, ListObjects, ObjectHead, ObjectId, ObjectPage, PutObject},
};
use bytes::Bytes;
use codebuild_model::{
    BatchGetBuilds, Build, CreateProject, Project, ProjectArtifacts, ProjectSource, StartBuild, StatusType,
};
use futures_util::TryStreamExt;
use logs_model::{
    CreateLogGroup, CreateLogGroupOutput, CreateLogStream, CreateLogStreamOutput, LOGS, PutLogEvents,
    PutLogEventsOutput,
};
use runner::{Sandbox, SandboxExecutor, archive};
use seal::Sealer;
use secretsmanager_model::{GetSecretValue, GetSecretValueOutput, SECRETSMANAGER};
use store::{Config as StoreConfig, Store};
use sts_model::{AssumeRole, AssumeRoleOutput, Credentials, STS};

use crate::{
    CodeBuild, Config,
    project::tests::project,
    records::{Build as Recorded, BuildId, Progress},
};

pub(super) const ROLE: &str = "arn:aws:iam::123456789012:role/build";
/// Nothing in these tests takes this long.
const PATIENCE: Duration = Duration::from_secs(60);
const LEASE: Duration = Duration::from_millis(600);

/// What the played services know.
#[derive(Default)]
pub(super) struct State {
    pub objects: BTreeMap<(String, String), (BTreeMap<String, String>, Bytes)>,
    pub groups: BTreeSet<String>,
    /// Messages by group and stream; none for a stream that was never made.
    pub streams: BTreeMap<(String, String), Vec<String>>,
    /// `who action`, or an action for everybody, that is refused.
    pub denied: BTreeSet<String>,
    /// Operations that fail once for each time they are listed.
    pub faults: Vec<&'static str>,
    pub assumed: Vec<String>,
    /// Texts by name.
    pub secrets: BTreeMap<String, String>,
}

#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<State>>);

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn called(&self, operation: &'static str) -> Result<(), Error> {
        let faults = &mut self.lock().faults;
        match faults.iter().position(|fault| *fault == operation) {
            Some(index) => {
                faults.remove(index);
                Err(Error::new("InternalFailure", "played").with_status(500))
            }
            None => Ok(()),
        }
    }

    fn allow(&self, ctx: &Ctx, action: &str) -> Result<(), Error> {
        let who = ctx.caller.principal.arn();
        let denied = &self.lock().denied;
        match denied.contains(action) || denied.contains(&format!("{who} {action}")) {
            true => Err(Error::access_denied(format!("User: {who} is not authorized to perform: {action}"))),
            false => Ok(()),
        }
    }
}

/// A server in miniature. Dropping it kills it.
pub(super) struct World {
    pub shared: Shared,
    pub store: Store,
    pub client: Client,
    pub codebuild: Arc<CodeBuild>,
    driver: Option<tokio::task::JoinHandle<()>>,
    dir: tempfile::TempDir,
    held: Held,
}

/// How builds are held.
pub(super) struct Held {
    /// The program that holds them.
    pub supervisor: PathBuf,
    /// After so many failures a build is given up.
    pub attempts: u32,
}

pub(super) fn scope() -> Scope {
    Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap())
}

fn alice() -> Caller {
    let account = scope().account;
    Caller::of(Principal::User { account, path: "/".into(), name: "alice".into(), id: "AIDAALICE".into() })
}

impl World {
    pub async fn new() -> Self {
        Self::with(Config::new("http://127.0.0.1:4000", 4)).await
    }

    pub async fn with(config: Config) -> Self {
        Self::of(config, Held { supervisor: supervisor(), attempts: 100 }).await
    }

    pub async fn of(config: Config, held: Held) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::Sqlite { dir: dir.path().join("store") }).await.unwrap();
        let shared = Shared::default();
        let (codebuild, client) = serve(&store, &shared, dir.path(), &held, config);
        let mut world = Self { shared, store, client, codebuild, driver: None, dir, held };
        world.revive();
        world
    }

    /// The server dies in the middle of whatever it does. Supervisors live on.
    pub fn kill(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.abort();
        }
    }

    /// A new server on the same data.
    pub fn restart(&mut self) {
        self.kill();
        let (config, dir) = (self.codebuild.config.clone(), self.dir.path());
        (self.codebuild, self.client) = serve(&self.store, &self.shared, dir, &self.held, config);
        self.revive();
    }

    fn revive(&mut self) {
        self.driver = Some(tokio::spawn(self.codebuild.clone().run()));
    }

    pub async fn call<O: Operation>(&self, input: O) -> Result<O::Output, Error> {
        self.client.call(input).await
    }

    /// Creates a project from `project()` after `change`.
    pub async fn create(&self, name: &str, change: impl FnOnce(&mut Project)) -> Project {
        self.try_create(name, change).await.unwrap()
    }

    pub async fn try_create(&self, name: &str, change: impl FnOnce(&mut Project)) -> Result<Project, Error> {
        let mut settings = project();
        change(&mut settings);
        let create = CreateProject {
            name: name.into(),
            description: settings.description,
            source: settings.source.unwrap(),
            secondary_sources: settings.secondary_sources,
            artifacts: settings.artifacts.unwrap(),
            secondary_artifacts: settings.secondary_artifacts,
            environment: settings.environment.unwrap(),
            service_role: settings.service_role.unwrap(),
            timeout_in_minutes: settings.timeout_in_minutes,
            queued_timeout_in_minutes: settings.queued_timeout_in_minutes,
            logs_config: settings.logs_config,
            concurrent_build_limit: settings.concurrent_build_limit,
            auto_retry_limit: settings.auto_retry_limit,
            build_batch_config: settings.build_batch_config,
            cache: settings.cache,
            tags: settings.tags,
            ..CreateProject::default()
        };
        Ok(self.call(create).await?.project.unwrap())
    }

    pub async fn start(&self, start: StartBuild) -> Build {
        self.call(start).await.unwrap().build.unwrap()
    }

    /// Starts a build of a project with a buildspec of its own.
    pub async fn start_spec(&self, project: &str, buildspec: &str) -> String {
        let start = StartBuild {
            project_name: project.into(),
            buildspec_override: Some(buildspec.into()),
            ..StartBuild::default()
        };
        self.start(start).await.id.unwrap()
    }

    pub async fn build(&self, id: &str) -> Build {
        let found = self.call(BatchGetBuilds { ids: vec![id.into()] }).await.unwrap();
        found.builds.unwrap().pop().unwrap_or_else(|| panic!("no build {id}"))
    }

    /// Waits until a build is complete.
    pub async fn end(&self, id: &str) -> Build {
        self.when(id, "complete", |build| build.build_complete == Some(true)).await
    }

    pub async fn when(&self, id: &str, what: &str, is: impl Fn(&Build) -> bool) -> Build {
        let asking = async {
            loop {
                let build = self.build(id).await;
                if is(&build) {
                    return build;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, asking).await {
            Ok(build) => build,
            Err(_) => panic!("{id} is never {what}: {:?}\n{}", self.build(id).await, self.log(id)),
        }
    }

    /// All that stands in the log of a build.
    pub fn log(&self, id: &str) -> String {
        let (project, uuid) = id.split_once(':').unwrap();
        let key = (format!("/aws/codebuild/{project}"), uuid.to_owned());
        self.shared.lock().streams.get(&key).map(|lines| lines.concat()).unwrap_or_default()
    }

    pub async fn log_has(&self, id: &str, text: &str) {
        self.when(id, &format!("at {text:?}"), |_| self.log(id).contains(text)).await;
    }

    /// What commands wrote.
    pub fn output(&self, id: &str) -> Vec<String> {
        let log = self.log(id);
        let lines = log.lines().filter(|line| !line.is_empty() && !line.starts_with("[Container]"));
        lines.map(str::to_owned).collect()
    }

    pub fn put(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) {
        self.shared.lock().objects.insert((bucket.into(), key.into()), (BTreeMap::new(), bytes.into()));
    }

    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.shared.lock().objects.get(&(bucket.into(), key.into())).map(|(_, bytes)| bytes.clone())
    }

    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let state = self.shared.lock();
        state.objects.keys().filter(|(found, _)| found == bucket).map(|(_, key)| key.clone()).collect()
    }

    pub fn deny(&self, what: &str) {
        self.shared.lock().denied.insert(what.into());
    }

    /// All events so far, as they stand in the stream.
    pub async fn told(&self) -> Vec<Event> {
        let mut subscription = self.store.subscribe(event::TOPIC, "test").await.unwrap();
        let mut told = Vec::new();
        while let Some(delivery) = subscription.try_next().await.unwrap() {
            told.push(delivery.payload.parse().unwrap());
        }
        told
    }

    /// Folders of builds that are still there.
    pub fn folders(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("builds")).unwrap().count()
    }

    /// Whether it is kept how far a build has been followed.
    pub async fn followed(&self, id: &str) -> bool {
        let key = Recorded::key_of(&scope(), &BuildId::parse(id).unwrap());
        self.store.read(move |tx| tx.exists::<Progress>(&key)).await.unwrap()
    }

    /// The folder of a build.
    pub fn folder(&self, id: &str) -> std::path::PathBuf {
        self.dir.path().join("builds").join(id.split_once(':').unwrap().1)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(
    store: &Store,
    shared: &Shared,
    dir: &Path,
    held: &Held,
    config: Config,
) -> (Arc<CodeBuild>, Client) {
    let slot = GatewaySlot::default();
    let client = Client::new(slot.clone(), scope());
    let executor =
        SandboxExecutor::new(dir.join("builds"), vec![held.supervisor.clone().into()], Sandbox::default())
            .unwrap();
    let codebuild =
        CodeBuild::new(store.clone(), client.clone(), Arc::new(executor), Sealer::new([1; 32]), dir, config);
    let codebuild = Arc::new(codebuild.with_lease(LEASE).with_attempts(held.attempts));
    let played = Arc::new(shared.clone());
    let gateway = Gateway::new(
        scope(),
        [1; 32],
        played.clone(),
        played.clone(),
        played.clone(),
        played.clone(),
        vec![codebuild.router(), sts(shared), logs(shared), secrets(shared)],
    );
    slot.fill(Arc::new(gateway));
    (codebuild, client.as_caller(alice(), scope()))
}

/// The example program, which Cargo builds for the tests.
pub(super) fn supervisor() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples/hold_codebuild_build");
    assert!(program.exists(), "{} is built by `cargo test`", program.display());
    program
}

pub(super) fn zip(files: &[(&str, &str)]) -> Bytes {
    let mut writer = archive::Writer::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        writer.add_bytes(Path::new(name), &mut text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner().into()
}

/// Names and texts of an archive.
pub(super) fn unzip(bytes: &Bytes) -> BTreeMap<String, String> {
    let into = tempfile::tempdir().unwrap();
    archive::extract(Cursor::new(bytes.clone()), into.path(), archive::Limits::default()).unwrap();
    let mut found = BTreeMap::new();
    collect(into.path(), into.path(), &mut found);
    found
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let mut text = String::new();
            std::fs::File::open(&path).unwrap().read_to_string(&mut text).unwrap();
            found.insert(path.strip_prefix(root).unwrap().display().to_string(), text);
        }
    }
}

pub(super) fn s3_source(location: &str) -> ProjectSource {
    ProjectSource {
        r#type: codebuild_model::SourceType::S3,
        location: Some(location.into()),
        ..ProjectSource::default()
    }
}

pub(super) fn s3_artifacts(bucket: &str) -> ProjectArtifacts {
    ProjectArtifacts {
        r#type: codebuild_model::ArtifactsType::S3,
        location: Some(bucket.into()),
        ..ProjectArtifacts::default()
    }
}

/// `BUILD SUCCEEDED`, in order.
pub(super) fn phases(build: &Build) -> Vec<String> {
    let phases = build.phases.iter().flatten();
    phases
        .map(|phase| {
            let status = phase.phase_status.as_ref().map_or("", StatusType::as_str);
            format!("{} {status}", phase.phase_type.as_ref().unwrap()).trim_end().to_owned()
        })
        .collect()
}

/// Code and message of a phase.
pub(super) fn context(build: &Build, phase: &str) -> (String, String) {
    let phase =
        build.phases.iter().flatten().find(|found| found.phase_type.as_ref().unwrap().as_str() == phase);
    let contexts = phase.unwrap().contexts.clone().unwrap();
    (contexts[0].status_code.clone().unwrap(), contexts[0].message.clone().unwrap())
}

fn sts(shared: &Shared) -> Router {
    async fn assume_role(shared: &Shared, ctx: &Ctx, input: AssumeRole) -> Result<AssumeRoleOutput, Error> {
        shared.called("AssumeRole")?;
        let service = ctx.caller.principal.arn();
        assert!([crate::PRINCIPAL, "codepipeline.amazonaws.com"].contains(&service.as_str()), "{service}");
        let role = input.role_arn.rsplit('/').next().unwrap_or_default();
        shared.lock().assumed.push(format!("{role}/{}", input.role_session_name));
        Ok(AssumeRoleOutput {
            credentials: Some(Credentials {
                access_key_id: format!("ASIA-{role}/{}", input.role_session_name),
                secret_access_key: "secret".into(),
                session_token: "token".into(),
                expiration: Timestamp::now().plus(Duration::from_secs(3600)),
            }),
            ..AssumeRoleOutput::default()
        })
    }
    Router::of(&STS, Arc::new(shared.clone()))
        .on::<AssumeRole, _>(assume_role, |op, _| vec![Access::to(&op.role_arn)])
        .build()
}

fn logs(shared: &Shared) -> Router {
    async fn create_group(
        shared: &Shared,
        _ctx: &Ctx,
        input: CreateLogGroup,
    ) -> Result<CreateLogGroupOutput, Error> {
        match shared.lock().groups.insert(input.log_group_name) {
            true => Ok(CreateLogGroupOutput {}),
            false => Err(Error::new("ResourceAlreadyExistsException", "there already")),
        }
    }
    async fn create_stream(
        shared: &Shared,
        _ctx: &Ctx,
        input: CreateLogStream,
    ) -> Result<CreateLogStreamOutput, Error> {
        let mut state = shared.lock();
        if !state.groups.contains(&input.log_group_name) {
            return Err(Error::new("ResourceNotFoundException", "The specified log group does not exist."));
        }
        match state.streams.insert((input.log_group_name, input.log_stream_name), vec![]) {
            None => Ok(CreateLogStreamOutput {}),
            Some(_) => Err(Error::new("ResourceAlreadyExistsException", "there already")),
        }
    }
    async fn put(shared: &Shared, _ctx: &Ctx, input: PutLogEvents) -> Result<PutLogEventsOutput, Error> {
        shared.called("PutLogEvents")?;
        let mut state = shared.lock();
        let stream = state.streams.get_mut(&(input.log_group_name, input.log_stream_name));
        let stream = stream.ok_or_else(|| Error::new("ResourceNotFoundException", "no stream"))?;
        stream.extend(input.log_events.into_iter().map(|event| event.message));
        Ok(PutLogEventsOutput::default())
    }
    Router::of(&LOGS, Arc::new(shared.clone()))
        .on::<CreateLogGroup, _>(create_group, |_, _| vec![Access::any()])
        .on::<CreateLogStream, _>(create_stream, |_, _| vec![Access::any()])
        .on::<PutLogEvents, _>(put, |_, _| vec![Access::any()])
        .build()
}

fn secrets(shared: &Shared) -> Router {
    async fn get(shared: &Shared, _ctx: &Ctx, input: GetSecretValue) -> Result<GetSecretValueOutput, Error> {
        shared.called("GetSecretValue")?;
        let secret_string = shared.lock().secrets.get(&input.secret_id).cloned();
        match secret_string {
            Some(_) => Ok(GetSecretValueOutput { secret_string, ..GetSecretValueOutput::default() }),
            None => Err(Error::new("ResourceNotFoundException", "no secret")),
        }
    }
    Router::of(&SECRETSMANAGER, Arc::new(shared.clone()))
        .on::<GetSecretValue, _>(get, |_, _| vec![Access::any()])
        .build()
}

#[async_trait]
impl Objects for Shared {
    async fn get_object(&self, ctx: &Ctx, object: &ObjectId) -> Result<(ObjectHead, ByteStream), Error> {
        self.called("GetObject")?;
        self.allow(ctx, "s3:GetObject")?;
        let state = self.lock();
        let found = state.objects.get(&(object.bucket.clone(), object.key.clone()));
        let missing = || Error::new("NoSuchKey", "The specified key does not exist.").with_status(404);
        let (metadata, bytes) = found.ok_or_else(missing)?;
        let metadata = metadata.clone();
        let head = ObjectHead { size: bytes.len() as u64, metadata, ..ObjectHead::default() };
        Ok((head, aws::objects::once(bytes.clone())))
    }

    async fn head_object(&self, ctx: &Ctx, object: &ObjectId) -> Result<ObjectHead, Error> {
        Ok(self.get_object(ctx, object).await?.0)
    }

    async fn put_object(&self, ctx: &Ctx, put: PutObject) -> Result<ObjectHead, Error> {
        self.called("PutObject")?;
        self.allow(ctx, "s3:PutObject")?;
        let pieces: Vec<Bytes> = put.body.try_collect().await.unwrap();
        let bytes = Bytes::from(pieces.concat());
        self.lock().objects.insert((put.bucket, put.key), (put.metadata, bytes));
        Ok(ObjectHead::default())
    }

    async fn list_objects(&self, ctx: &Ctx, list: &ListObjects) -> Result<ObjectPage, Error> {
        self.allow(ctx, "s3:ListBucket")?;
        let state = self.lock();
        let after = list.start_after.clone().unwrap_or_default();
        let all = state.objects.iter().filter(|((bucket, key), _)| {
            *bucket == list.bucket && key.starts_with(&list.prefix) && *key > after
        });
        // One a page, so that pages are turned.
        let mut found: Vec<(String, ObjectHead)> = all
            .map(|((_, key), (_, bytes))| {
                (key.clone(), ObjectHead { size: bytes.len() as u64, ..ObjectHead::default() })
            })
            .collect();
        let is_truncated = found.len() > 1;
        found.truncate(1);
        Ok(ObjectPage { objects: found, is_truncated })
    }

    async fn bucket_versioning(&self, _ctx: &Ctx, _bucket: &str) -> Result<bool, Error> {
        Ok(false)
    }

    async fn bucket_location(&self, _ctx: &Ctx, _bucket: &str) -> Result<String, Error> {
        Ok("us-east-1".into())
    }
}

#[async_trait]
impl Authenticator for Shared {
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, Error> {
        let session = access_key_id.trim_start_matches("ASIA-");
        let (role_name, session_name) = session.split_once('/').unwrap_or((session, "s"));
        Ok(Some(AccessKey {
            secret: Secret::new("secret"),
            session_token: Some(Secret::new("token")),
            expires_at: None,
            active: true,
            caller: Caller::of(Principal::AssumedRole {
                account: scope().account,
                role_path: "/".into(),
                role_id: "AROA".into(),
                session_name: session_name.into(),
                role_name: role_name.into(),
            }),
        }))
    }

    async fn git_password(&self, _user_name: &str, _password: &Secret) -> Result<Option<Caller>, Error> {
        Ok(None)
    }
}

#[async_trait]
impl Authoriser for Shared {
    async fn authorise(
        &self,
        ctx: &Ctx,
        service: &Service,
        operation: &str,
        accesses: &[Access],
    ) -> Result<(), Error> {
        for access in accesses {
            let action = access.action.clone().unwrap_or_else(|| format!("{}:{operation}", service.prefix));
            self.allow(ctx, &action)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Auditor for Shared {
    async fn record(&self, _record: AuditRecord) -> Result<(), Error> {
        Ok(())
    }
}
