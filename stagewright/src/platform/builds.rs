//! What runs builds on this machine, by the operator's settings.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use codebuild::{Containers, Isolation, Trust};
use kubernetes::KubernetesExecutor;
use runner::remote::{Local, RemoteExecutor};
use runner::{ContainerExecutor, Engine, Executor, Problem, Sandbox, SandboxExecutor};
use uuid::Uuid;

use super::Error;
use crate::config::{self, Config};
use crate::passage::Passage;

/// The command by which this program holds one build, in the folder that its one argument names.
pub const SUPERVISE: &str = "supervise";

/// Program and arguments that hold one build, to which its folder is added.
pub fn supervisor() -> io::Result<Vec<OsString>> {
    Ok(vec![std::env::current_exe()?.into_os_string(), OsString::from(SUPERVISE)])
}

/// What runs the builds of the platform: those of this machine, and those of workers beside them.
pub struct Builds {
    here: Here,
    workers: Arc<RemoteExecutor>,
    pods: Option<Arc<KubernetesExecutor>>,
}

enum Here {
    Sandboxes(Arc<SandboxExecutor>),
    Containers(Arc<ContainerExecutor>),
    Nothing,
}

impl Builds {
    /// `trust`: what builds are to trust. Errors: the folder of builds cannot be made.
    pub fn open(config: &Config, trust: Option<&Trust>) -> Result<Self, Error> {
        let data = config.data.canonicalize();
        let data = data.map_err(|cause| Error::DataFolder { path: config.data.clone(), cause })?;
        let supervisor = supervisor().map_err(Error::OwnFile)?;
        let sandbox = Sandbox {
            read_only_paths: config.builds.read_only_paths.clone(),
            hidden_paths: vec![data.clone()],
            ..Sandbox::default()
        };
        let builds = data.join("builds");
        let (here, local) = match config.builds.executor {
            Isolation::Sandbox => {
                let executor = SandboxExecutor::new(builds, supervisor, sandbox).map_err(Error::Builds)?;
                let executor = Arc::new(executor);
                (Here::Sandboxes(executor.clone()), Local::Sandboxes(executor))
            }
            Isolation::Container | Isolation::Auto => {
                let engine = engine(&config.builds.container);
                let executor = ContainerExecutor::new(builds, supervisor, sandbox, engine);
                let executor = Arc::new(executor.map_err(Error::Builds)?);
                (Here::Containers(executor.clone()), Local::Containers(executor))
            }
            Isolation::Workers | Isolation::Kubernetes => {
                let executor = SandboxExecutor::new(builds, supervisor, sandbox).map_err(Error::Builds)?;
                (Here::Nothing, Local::Sandboxes(Arc::new(executor)))
            }
        };
        let workers = RemoteExecutor::new(local, config.builds.workers.lease()).map_err(Error::Builds)?;
        let workers = Arc::new(workers);
        let pods = match config.builds.executor {
            Isolation::Kubernetes => {
                let id = own_id(&data.join("cluster-id")).map_err(Error::Builds)?;
                let authority = trust.map(|trust| trust.authority().to_owned());
                let server = kubernetes::Server { id, authority };
                let settings = config.builds.kubernetes.clone();
                let pods = KubernetesExecutor::new(workers.clone(), settings, server, codebuild::new_token);
                Some(Arc::new(pods))
            }
            Isolation::Sandbox | Isolation::Container | Isolation::Auto | Isolation::Workers => None,
        };
        Ok(Self { here, workers, pods })
    }

    pub fn executor(&self) -> Arc<dyn Executor> {
        match &self.pods {
            Some(pods) => pods.clone(),
            None => self.workers.clone(),
        }
    }

    /// Where builds run in pods of a cluster.
    pub fn pods(&self) -> Option<Arc<KubernetesExecutor>> {
        self.pods.clone()
    }

    /// What workers on other machines ask.
    pub fn workers(&self) -> Arc<RemoteExecutor> {
        self.workers.clone()
    }

    /// Where builds of this machine run in containers.
    pub fn containers(&self) -> Option<Arc<ContainerExecutor>> {
        match &self.here {
            Here::Containers(executor) => Some(executor.clone()),
            Here::Sandboxes(_) | Here::Nothing => None,
        }
    }

    /// Whether builds without a container can run on this machine, and if not, why and what helps.
    pub async fn check_sandbox(&self) -> Result<(), Problem> {
        match &self.here {
            Here::Sandboxes(executor) => executor.check().await,
            Here::Containers(executor) => executor.check_sandbox().await,
            Here::Nothing => Ok(()),
        }
    }
}

/// A port of the loopback for credentials, where SDKs would not take them from `endpoint`: what is not the loopback itself over
/// plain HTTP.
pub async fn passage(config: &Config, endpoint: &str) -> io::Result<Option<Passage>> {
    let is_loopback = |host: url::Host<&str>| match host {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(ip) => ip.is_loopback(),
        url::Host::Ipv6(ip) => ip.is_loopback(),
    };
    let url = url::Url::parse(endpoint).ok();
    let is_taken = url.is_some_and(|url| url.scheme() == "http" && url.host().is_some_and(is_loopback));
    match is_taken {
        true => Ok(None),
        false => Passage::open(&config.data.join("credentials-port")).await.map(Some),
    }
}

/// What builds are to trust beside what this machine does. Errors: the file holds no certificate.
pub fn trust(config: &Config) -> Result<Option<Trust>, server::TlsError> {
    let Some(path) = &config.tls_authority else { return Ok(None) };
    let of_machine = openssl_probe::probe().cert_file.and_then(|file| std::fs::read_to_string(file).ok());
    Ok(Some(Trust::new(server::authority(path)?, &of_machine.unwrap_or_default())))
}

/// How a cluster knows this data folder's server from others.
fn own_id(file: &Path) -> io::Result<Uuid> {
    match std::fs::read_to_string(file) {
        Ok(text) => text.trim().parse().map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (id, draft) = (Uuid::new_v4(), file.with_extension("draft"));
            let mut options = std::fs::OpenOptions::new();
            let mut written = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
            written.write_all(id.to_string().as_bytes())?;
            written.sync_data()?;
            std::fs::rename(draft, file)?;
            Ok(id)
        }
        Err(error) => Err(error),
    }
}

/// Ends what earlier servers have left in the engine, and warns of one that does not answer: builds will fail.
pub async fn tidy_engine(executor: Arc<ContainerExecutor>) {
    match executor.check().await {
        Ok(version) => tracing::info!(engine = version, "builds run in containers"),
        Err(error) => return tracing::warn!(%error, "the container engine does not answer"),
    }
    if let Err(error) = executor.remove_leftovers().await {
        tracing::warn!(%error, "containers of builds that have ended are left");
    }
}

/// The engine of the settings; without any Podman, or Docker if only that is there.
pub fn engine(settings: &config::Containers) -> Engine {
    let command = settings.engine.clone().unwrap_or_else(|| {
        let found = ["podman", "docker"].into_iter().find(|program| is_installed(program));
        vec![found.unwrap_or("podman").to_owned()]
    });
    let mut engine = Engine::new(command);
    engine.run_arguments = settings.run_arguments.clone();
    engine.network = settings.network.clone();
    engine.pull = settings.pull;
    engine
}

fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// What CodeBuild must know of the settings.
pub fn containers(isolation: Isolation, settings: &config::Containers) -> Containers {
    Containers {
        isolation,
        privileged: settings.privileged,
        images: settings.images.clone(),
        on_machine_network: settings.network == "host",
    }
}
