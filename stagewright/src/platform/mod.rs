//! The one place where everything is wired together.

pub mod builds;
pub mod local;
mod page_token_key;
pub mod snapshot;

use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws::client::GatewaySlot;
use aws::gateway::Origin;
use aws::{Authenticator, Client, Ctx, Gateway, Scope, Secret, event};
use blob::Blobs;
use blob::collection::{Collector, References};
use cloudtrail::CloudTrail;
use codeartifact::CodeArtifact;
use codebuild::CodeBuild;
use codecommit::CodeCommit;
use codeconnections::CodeConnections;
use codepipeline::CodePipeline;
use codestar_notifications::CodeStarNotifications;
use eventbridge::EventBridge;
use iam::{Administrator, Iam, OpenAuthenticator};
use logs::Logs;
use outbound::Guard;
use prometheus_client::registry::Registry;
use runner::Problem;
use seal::Sealer;
use secretsmanager::SecretsManager;
use server::{FrontDoor, Metrics, Mount};
use sns::Sns;
use sqs::Sqs;
use ssm::Ssm;
use store::Store;
use tokio::task::{AbortHandle, JoinSet};

use self::builds::Builds;
use crate::config::{Auth, Config};
use crate::passage::Passage;

/// Why the platform cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the data folder {path}: {cause}")]
    DataFolder { path: PathBuf, cause: std::io::Error },
    #[error("the database: {0}")]
    Store(#[from] store::Error),
    #[error("the bytes: {0}")]
    Blobs(#[from] blob::Error),
    #[error(transparent)]
    Seal(#[from] seal::SealError),
    #[error(transparent)]
    Iam(#[from] iam::Unusable),
    #[error("the first administrator: {0}")]
    Administrator(#[from] iam::Error),
    #[error("the repositories: {0}")]
    Repositories(#[from] codecommit::Error),
    #[error("the packages: {0}")]
    Packages(#[from] codeartifact::Error),
    #[error("the folder of builds: {0}")]
    Builds(std::io::Error),
    #[error("the authority of the certificate: {0}")]
    Authority(#[from] server::TlsError),
    #[error("the port at which builds fetch credentials: {0}")]
    Passage(std::io::Error),
    #[error("the configuration of SNS: {0}")]
    Sns(#[from] sns::Unusable),
    #[error("this program's own file: {0}")]
    OwnFile(std::io::Error),
}

/// The platform: its services, and once started the loops behind them.
pub struct Platform {
    pub gateway: Arc<Gateway>,
    pub front_door: Arc<FrontDoor>,
    /// The first administrator; with its key if that was made just now.
    pub administrator: Administrator,
    client: Client,
    iam: Arc<Iam>,
    cloudtrail: Arc<CloudTrail>,
    logs: Arc<Logs>,
    s3: Arc<s3::S3>,
    codeartifact: Arc<CodeArtifact>,
    codebuild: Arc<CodeBuild>,
    codeconnections: Arc<CodeConnections>,
    codepipeline: Arc<CodePipeline>,
    eventbridge: Arc<EventBridge>,
    sns: Arc<Sns>,
    sqs: Arc<Sqs>,
    notifications: Arc<CodeStarNotifications>,
    secretsmanager: Arc<SecretsManager>,
    store: Store,
    builds: Builds,
    passage: Option<Arc<Passage>>,
    collector: Arc<Collector>,
    loops: JoinSet<()>,
    pipelines: Option<AbortHandle>,
}

impl Platform {
    /// Opens the data. Calls are answered; pipelines and builds go on only after [`Platform::start`]. `bound` is the
    /// address that the server listens on, `given_key` the administrator's key if the operator chose one.
    pub async fn open(
        config: &Config,
        bound: SocketAddr,
        given_key: Option<(String, Secret)>,
    ) -> Result<Self, Error> {
        let trust = builds::trust(config)?;
        make_data_folder(&config.data)?;
        let home = Scope::new(config.account.clone(), config.region.clone());
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let endpoint = config.endpoint.clone().unwrap_or_else(|| format!("{scheme}://{}", reachable(bound)));
        let store = Store::open(store_config(config)).await?;
        let blobs = Blobs::open(blob_config(config)).await?;
        let slot = GatewaySlot::default();
        let client = Client::new(slot.clone(), home.clone());

        let sealer = Sealer::from_data_folder(&config.data)?;
        let iam = Iam::open(store.clone(), sealer.clone()).await?;
        let administrator = iam.bootstrap(&config.account, given_key).await?;
        let authenticator: Arc<dyn Authenticator> = match config.auth {
            Auth::Signed => iam.clone(),
            Auth::Open => Arc::new(OpenAuthenticator::new(iam.clone(), administrator.caller.clone())),
        };
        let intervals = cloudtrail::Intervals {
            files: seconds(config.trails.log_file_seconds),
            digests: seconds(config.trails.digest_seconds),
        };
        let cloudtrail = CloudTrail::open(store.clone(), client.clone(), sealer.clone(), intervals);
        let logs = Arc::new(Logs::new(store.clone()));
        let s3 = s3::S3::new(store.clone(), blobs.clone(), iam.clone(), cloudtrail.clone());
        let s3 = Arc::new(s3.with_client(client.clone()));
        let packages = codeartifact::Config {
            endpoint: endpoint.clone(),
            origins: config.origins.clone(),
            mirrors: config.mirrors.clone(),
            retention_every: seconds(config.packages.retention_seconds),
            advisories: config.advisories.clone(),
        };
        let codeartifact =
            CodeArtifact::new(packages, store.clone(), blobs.clone(), sealer.clone(), client.clone());
        codeartifact.bring_up_to_date().await?;
        codeartifact.read_advisories().await?;
        codeartifact.check_mirrors().await?;
        let references: Vec<Arc<dyn References>> = vec![s3.clone(), codeartifact.clone()];
        let collector = Arc::new(Collector::new(store.clone(), blobs, references));
        let git = codecommit::Config::new(&config.data, endpoint.clone());
        let codecommit = CodeCommit::open(git, store.clone(), client.clone())?;
        let codeconnections = Arc::new(CodeConnections::new(
            store.clone(),
            client.clone(),
            sealer.clone(),
            &config.data,
            endpoint.clone(),
        ));
        let builds = Builds::open(config, trust.as_ref())?;
        let executor = builds.executor();
        let passage = builds::passage(config, &endpoint).await.map_err(Error::Passage)?.map(Arc::new);
        let build_config = codebuild::Config {
            caches: Some(config.data.join("caches")),
            most_cache_bytes: config.builds.local_cache_bytes,
            containers: builds::containers(config.builds.executor, &config.builds.container),
            git_hosts: config.git_hosts.clone(),
            passage: passage.as_ref().map(|passage| passage.origin()),
            trust,
            ..codebuild::Config::new(endpoint.clone(), config.builds.concurrency)
        };
        let codebuild = CodeBuild::new(
            store.clone(),
            client.clone(),
            executor,
            sealer.clone(),
            &config.data,
            build_config,
        );
        let codebuild = Arc::new(codebuild.with_workers(builds.workers()));
        let reachable_at = endpoint.trim_end_matches('/').to_owned();
        let webhooks = codepipeline::Config {
            endpoint: reachable_at.clone(),
            github_api: config.github.api.clone(),
            poll_interval: config.github.poll_interval(),
        };
        let github = config.git_hosts.get("github.com").and_then(|host| host.url.clone());
        let github = github.or_else(|| githost::Provider::GitHub.public_url().map(str::to_owned));
        let codepipeline = CodePipeline::new(store.clone(), client.clone(), sealer.clone())
            .with_config(webhooks)
            .with_settings(config.pipelines.settings())
            .with_github(github.unwrap_or_default(), &config.data.join("codepipeline"));
        let codepipeline = Arc::new(codepipeline.with_compute(codebuild.clone()));
        let guard = Guard::new(bound, config.sns.refused_networks.clone());
        let eventbridge =
            Arc::new(EventBridge::new(store.clone(), client.clone(), sealer.clone(), guard.clone()));
        let ssm = Arc::new(Ssm::new(store.clone(), sealer.clone()));
        let secretsmanager = Arc::new(SecretsManager::new(store.clone(), sealer.clone()));
        let sqs = Arc::new(Sqs::new(store.clone(), client.clone(), sealer.clone(), &endpoint));
        let sns = Sns::new(store.clone(), client.clone(), sealer, sns_config(config, &endpoint, guard))?;
        let sns = Arc::new(sns);
        let notifications = Arc::new(CodeStarNotifications::new(store.clone(), client.clone()));

        let mut routers = vec![
            iam::iam_router(iam.clone()),
            iam::sts_router(iam.clone()),
            cloudtrail::router(cloudtrail.clone()),
            logs.router(),
            codeartifact::router(codeartifact.clone()),
            codecommit::router(codecommit.clone()),
            codebuild.router(),
            codepipeline::router(codepipeline.clone()),
            eventbridge::router(eventbridge.clone()),
            sns::router(sns.clone()),
            sqs::router(sqs.clone()),
            codestar_notifications::router(notifications.clone()),
            ssm::router(ssm),
            secretsmanager::router(secretsmanager.clone()),
        ];
        routers.extend(codeconnections::routers(&codeconnections));
        let key = page_token_key::of(&store).await?;
        let gateway = Arc::new(Gateway::new(
            home,
            key,
            authenticator,
            iam.clone(),
            cloudtrail.clone(),
            s3.clone(),
            routers,
        ));
        slot.fill(gateway.clone());

        let workers = Arc::new(codebuild::WorkerEndpoint::new(codebuild.clone(), gateway.clone()));
        let mounts = vec![
            Mount {
                prefix: codeartifact::PackageEndpoints::PREFIX,
                service: Arc::new(codeartifact::PackageEndpoints::new(codeartifact.clone(), gateway.clone())),
            },
            Mount {
                prefix: codecommit::GitHttp::PREFIX,
                service: Arc::new(codecommit::GitHttp::new(codecommit, gateway.clone())),
            },
            Mount {
                prefix: codebuild::CredentialsEndpoint::PREFIX,
                service: Arc::new(codebuild::CredentialsEndpoint::new(codebuild.clone())),
            },
            Mount {
                prefix: codebuild::WebhookEndpoint::PREFIX,
                service: Arc::new(codebuild::WebhookEndpoint::new(codebuild.clone())),
            },
            Mount {
                prefix: codebuild::BadgeEndpoint::PREFIX,
                service: Arc::new(codebuild::BadgeEndpoint::new(codebuild.clone())),
            },
            Mount {
                prefix: codebuild::PublicPages::PREFIX,
                service: Arc::new(codebuild::PublicPages::new(codebuild.clone())),
            },
            Mount {
                prefix: codebuild::SessionEndpoint::PREFIX,
                service: Arc::new(codebuild::SessionEndpoint::new(codebuild.clone())),
            },
            Mount {
                prefix: codeconnections::WebhookEndpoint::PREFIX,
                service: Arc::new(codeconnections::WebhookEndpoint::new(codeconnections.clone())),
            },
            Mount {
                prefix: codepipeline::webhooks::WebhookEndpoint::PREFIX,
                service: Arc::new(codepipeline::webhooks::WebhookEndpoint::new(codepipeline.clone())),
            },
            Mount {
                prefix: codepipeline::ReviewPage::PREFIX,
                service: Arc::new(codepipeline::ReviewPage::new(reachable_at)),
            },
            Mount {
                prefix: sns::CertificateEndpoint::PREFIX,
                service: Arc::new(sns::CertificateEndpoint::new(sns.clone())),
            },
            Mount { prefix: codebuild::WorkerEndpoint::PREFIX, service: workers.clone() },
        ];
        let frontend = Arc::new(s3::Frontend::new(
            s3.clone(),
            gateway.clone(),
            s3::Config { domains: vec!["localhost".to_owned()] },
        ));
        let mut registry = Registry::default();
        let own = Metrics::own(&mut registry);
        store.register(own);
        collector.register(own);
        codebuild.register(own);
        workers.register(own);
        codepipeline.register(own);
        let metrics = Arc::new(Metrics::with_registry(registry));
        let limit = config.limits.body_bytes;
        let front_door = Arc::new(FrontDoor::new(gateway.clone(), mounts, frontend, metrics, limit));

        Ok(Self {
            gateway,
            front_door,
            administrator,
            client,
            iam,
            cloudtrail,
            logs,
            s3,
            codeartifact,
            codebuild,
            codeconnections,
            codepipeline,
            eventbridge,
            sns,
            sqs,
            notifications,
            secretsmanager,
            store,
            builds,
            passage,
            collector,
            loops: JoinSet::new(),
            pipelines: None,
        })
    }

    /// Takes up pipelines, builds and whatever else goes on by itself. Not for administration: what a command line
    /// opens for a moment must not begin anybody's work.
    pub fn start(&mut self) {
        self.codeconnections.clean_up();
        let (logs, s3) = (self.logs.clone(), self.s3.clone());
        let secretsmanager = self.secretsmanager.clone();
        if let Some(executor) = self.builds.containers() {
            self.loops.spawn(builds::tidy_engine(executor));
        }
        if let Some(pods) = self.builds.pods() {
            self.loops.spawn(async move { pods.look_after().await });
        }
        self.loops.spawn(self.codebuild.clone().run());
        if let Some(passage) = self.passage.clone() {
            let credentials = Arc::new(codebuild::CredentialsEndpoint::new(self.codebuild.clone()));
            self.loops.spawn(async move { passage.serve(credentials).await });
        }
        self.pipelines = Some(self.loops.spawn(self.codepipeline.clone().run()));
        self.loops.spawn(self.eventbridge.clone().run());
        self.loops.spawn(self.cloudtrail.clone().run());
        self.loops.spawn(self.sns.clone().run());
        self.loops.spawn(self.sqs.clone().run());
        self.loops.spawn(self.notifications.clone().run());
        self.loops.spawn(async move { logs.forget_deleted("server").await });
        self.loops.spawn(async move { secretsmanager.forget_deleted("server").await });
        let codeartifact = self.codeartifact.clone();
        self.loops.spawn(async move { codeartifact.forget_deleted("server").await });
        let codeartifact = self.codeartifact.clone();
        self.loops.spawn(async move { codeartifact.follow_advisories().await });
        let codeartifact = self.codeartifact.clone();
        self.loops.spawn(async move { codeartifact.sweep("server").await });
        let notifying = s3.clone();
        self.loops.spawn(async move { notifying.run_notifications("server").await });
        self.loops.spawn(async move { s3.run_lifecycle("server").await });
        let (collector, store) = (self.collector.clone(), self.store.clone());
        self.loops.spawn(async move { collector.run("server").await });
        self.loops.spawn(async move { store.watch_backlog().await });
    }

    /// From now on no pipeline begins anything; builds that run go on.
    pub fn hold_pipelines(&self) {
        if let Some(pipelines) = &self.pipelines {
            pipelines.abort();
        }
    }

    /// What answers the calls that wait for something: without it they would hold the end of the server up.
    pub fn end_waiting(&self) -> impl FnOnce() + Send + 'static {
        let (sqs, workers) = (self.sqs.clone(), self.builds.workers());
        move || {
            sqs.stop_waiting();
            workers.stop_waiting();
        }
    }

    /// Whether builds can run on this machine, and if not, why and what helps.
    pub async fn check_builds(&self) -> Result<(), Problem> {
        self.builds.check_sandbox().await
    }

    /// What happens from now on, as the services tell the world.
    pub async fn follow_events(&self) -> Result<store::Subscription, store::Error> {
        self.store.follow(event::TOPIC).await
    }

    /// Makes a bucket as the first administrator.
    pub async fn make_bucket(&self, new: &s3::NewBucket) -> Result<(), aws::Error> {
        self.s3.make_bucket(&self.administrators_ctx("CreateBucket"), new).await
    }

    /// Lets a policy decide who may read a bucket, everybody included, as the first administrator.
    pub async fn publish_bucket(&self, bucket: &str, policy: &str) -> Result<(), aws::Error> {
        self.s3.publish_bucket(&self.administrators_ctx("PutBucketPolicy"), bucket, policy).await
    }

    fn administrators_ctx(&self, operation: &'static str) -> Ctx {
        let origin = Origin { secure_transport: true, ..Origin::default() };
        self.gateway.ctx(self.administrator.caller.clone(), self.client.scope().clone(), operation, origin)
    }

    /// A client that nobody has signed in with.
    pub fn as_nobody(&self) -> Client {
        self.client.clone()
    }

    /// A client that acts as the first administrator.
    pub fn as_administrator(&self) -> Client {
        self.client.as_caller(self.administrator.caller.clone(), self.client.scope().clone())
    }

    /// Ends the loops and makes everything durable. What was under way is taken up again at the next start.
    pub async fn close(mut self) {
        self.loops.shutdown().await;
        self.cloudtrail.flush().await;
        self.iam.flush().await;
        self.store.close().await;
    }
}

fn seconds(count: NonZeroU32) -> Duration {
    Duration::from_secs(count.get().into())
}

/// The data folder is for its owner alone: it holds the master key and everybody's secrets.
fn make_data_folder(path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|cause| Error::DataFolder { path: path.to_owned(), cause })
}

/// Where a client on this machine finds a server that listens on `bound`.
fn reachable(bound: SocketAddr) -> SocketAddr {
    if !bound.ip().is_unspecified() {
        return bound;
    }
    let loopback = if bound.is_ipv4() { "127.0.0.1" } else { "::1" };
    loopback.parse().map_or(bound, |ip| SocketAddr::new(ip, bound.port()))
}

fn sns_config(config: &Config, endpoint: &str, guard: Guard) -> sns::Config {
    sns::Config { endpoint: endpoint.trim_end_matches('/').to_owned(), guard, smtp: config.smtp.clone() }
}

fn store_config(config: &Config) -> store::Config {
    match &config.database {
        Some(url) => store::Config::Postgres { url: url.clone() },
        None => store::Config::Sqlite { dir: config.data.join(snapshot::STORE) },
    }
}

fn blob_config(config: &Config) -> blob::Config {
    match &config.blobs {
        Some(url) => {
            blob::Config::S3 { url: url.clone(), staging: config.data.join("staging"), settings: Vec::new() }
        }
        None => blob::Config::Folder { dir: config.data.join(snapshot::BLOBS) },
    }
}
