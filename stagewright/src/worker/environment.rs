//! In what builds run here: in sandboxes, in containers of their images, or in the container that this worker is in.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use codebuild::{Containers, Unfit};
use runner::{
    Container, ContainerExecutor, Direct, Engine, EngineProblem, Executor, Problem, Requested, Sandbox,
    SandboxExecutor,
};

/// With what these begin, a worker is told of its server and of its cluster: no variables of an image.
const OWN_VARIABLES: [&str; 3] = ["AWS_", "KUBERNETES_", "STAGEWRIGHT_"];

/// How builds run.
#[derive(Clone)]
pub enum Settings {
    Sandboxes,
    Containers(InContainers),
    /// The one build of the container that this worker is in.
    Direct(Direct),
}

/// How builds run in containers.
#[derive(Clone)]
pub struct InContainers {
    pub engine: Engine,
    /// Which images do, and what stands for them.
    pub containers: Containers,
}

pub enum Environment {
    Sandboxes(Arc<SandboxExecutor>),
    Containers(Arc<ContainerExecutor>, InContainers),
    Direct(Arc<SandboxExecutor>),
}

/// Of this process's variables those that the image has, as far as anybody can tell.
pub fn of_image() -> BTreeMap<String, String> {
    let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let variables = variables.filter(|(name, _)| !OWN_VARIABLES.iter().any(|own| name.starts_with(own)));
    variables.filter_map(|(name, value)| Some((name, value.into_string().ok()?))).collect()
}

/// Why no build can run here.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    #[error(transparent)]
    Sandbox(#[from] Problem),
    #[error("the container engine {0}")]
    Engine(#[from] EngineProblem),
}

impl Environment {
    pub fn open(
        builds: PathBuf,
        supervisor: Vec<OsString>,
        sandbox: Sandbox,
        settings: Settings,
    ) -> io::Result<Self> {
        Ok(match settings {
            Settings::Containers(settings) => {
                let executor = ContainerExecutor::new(builds, supervisor, sandbox, settings.engine.clone())?;
                Self::Containers(Arc::new(executor), settings)
            }
            Settings::Sandboxes => {
                Self::Sandboxes(Arc::new(SandboxExecutor::new(builds, supervisor, sandbox)?))
            }
            Settings::Direct(direct) => {
                let executor = SandboxExecutor::without_sandbox(builds, supervisor, direct)?;
                Self::Direct(Arc::new(executor))
            }
        })
    }

    pub fn executor(&self) -> Arc<dyn Executor> {
        match self {
            Self::Sandboxes(executor) | Self::Direct(executor) => executor.clone(),
            Self::Containers(executor, _) => executor.clone(),
        }
    }

    pub fn has_containers(&self) -> bool {
        matches!(self, Self::Containers(..))
    }

    /// Whether builds can run, and what an earlier worker has left in the engine is gone.
    pub async fn check(&self) -> Result<(), Unready> {
        match self {
            Self::Sandboxes(executor) => Ok(executor.check().await?),
            Self::Direct(_) => Ok(()),
            Self::Containers(executor, settings) => {
                executor.check().await?;
                if settings.containers.isolation == codebuild::Isolation::Auto {
                    executor.check_sandbox().await?;
                }
                if let Err(error) = executor.remove_leftovers().await {
                    tracing::warn!(%error, "containers of builds that have ended are left");
                }
                Ok(())
            }
        }
    }

    /// The container that a build asks for; none if it runs in a sandbox here.
    pub fn container(&self, requested: &Requested) -> Result<Option<Container>, Unfit> {
        let Self::Containers(_, InContainers { containers, .. }) = self else { return Ok(None) };
        let found = containers.of_image(&requested.image, false)?;
        match requested.privileged && found.is_some() && !containers.privileged {
            true => Err(Unfit {
                code: "CLIENT_ERROR",
                message: "Privileged mode is not allowed on this worker: it would have to be started with \
                          --allow-privileged"
                    .to_owned(),
            }),
            false => Ok(found.map(|container| Container {
                privileged: requested.privileged,
                layers: requested.layers.clone(),
                ..container
            })),
        }
    }

    /// Whether the image of a build that has no container here is that of this worker's own.
    pub fn is_the_image(&self) -> bool {
        matches!(self, Self::Direct(_))
    }

    /// Whether a build reaches what listens on this machine's loopback.
    pub fn reaches_loopback(&self, container: Option<&Container>) -> bool {
        match self {
            Self::Containers(_, settings) if container.is_some() => settings.engine.network == "host",
            Self::Containers(..) | Self::Sandboxes(_) | Self::Direct(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use codebuild::Isolation;
    use runner::PullAs;

    use super::*;

    fn asked(image: &str, privileged: bool) -> Requested {
        Requested { image: image.to_owned(), privileged, pull_as: PullAs::Anybody, layers: None }
    }

    #[tokio::test]
    async fn a_worker_decides_what_a_build_gets_of_what_its_project_asks_for() {
        let folder = tempfile::tempdir().unwrap();
        let open = |isolation: Option<Isolation>, privileged| {
            let settings = match isolation {
                None => Settings::Sandboxes,
                Some(isolation) => Settings::Containers(InContainers {
                    engine: Engine::new(vec!["engine".to_owned()]),
                    containers: Containers { isolation, privileged, ..Containers::default() },
                }),
            };
            Environment::open(folder.path().join("builds"), vec![], Sandbox::default(), settings).unwrap()
        };
        let sandboxes = open(None, false);
        assert_eq!(sandboxes.container(&asked("debian", true)), Ok(None));
        let containers = open(Some(Isolation::Container), false);
        let found = containers.container(&asked("debian", false)).unwrap().unwrap();
        assert_eq!((found.image.as_str(), found.privileged), ("debian", false));
        let code = |asked: &Requested| containers.container(asked).unwrap_err().code;
        assert_eq!(code(&asked("debian", true)), "CLIENT_ERROR");
        assert_eq!(code(&asked("docker-archive:/x", false)), "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE");
        let auto = open(Some(Isolation::Auto), true);
        assert_eq!(auto.container(&asked("aws/codebuild/standard:7.0", true)), Ok(None));
        assert!(auto.container(&asked("debian", true)).unwrap().unwrap().privileged);
    }
}
