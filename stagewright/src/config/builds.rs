//! `[builds]`: in what builds run, and how many at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Error;

/// `[builds]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Builds {
    /// How many builds run at once; the others wait in the queue.
    pub concurrency: usize,
    /// Folders of the host, beside its system folders, that builds in sandboxes may read: tool chains, caches.
    pub read_only_paths: Vec<PathBuf>,
    /// What all local caches may have together; those that were not used for longest go.
    pub local_cache_bytes: u64,
    /// In what builds run: `sandbox`, `container`, `auto`, `workers`, or `kubernetes`.
    pub executor: codebuild::Isolation,
    pub container: Containers,
    pub workers: Workers,
    pub kubernetes: kubernetes::Settings,
}

/// `[builds.workers]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workers {
    /// Without a sign of life for so long, a worker is lost.
    pub lease_seconds: u32,
}

impl Default for Workers {
    fn default() -> Self {
        Self { lease_seconds: 60 }
    }
}

impl Workers {
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.into())
    }
}

impl Default for Builds {
    fn default() -> Self {
        let concurrency = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            concurrency,
            read_only_paths: Vec::new(),
            local_cache_bytes: codebuild::CACHE_BYTES,
            executor: codebuild::Isolation::default(),
            container: Containers::default(),
            workers: Workers::default(),
            kubernetes: kubernetes::Settings::default(),
        }
    }
}

impl Builds {
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.concurrency == 0 {
            return Err(Error::Zero("[builds] concurrency"));
        }
        if self.executor == codebuild::Isolation::Kubernetes {
            self.kubernetes.check()?;
        }
        match self.workers.lease_seconds {
            5..=3600 => self.container.check(),
            other => Err(Error::Lease(other)),
        }
    }
}

/// `[builds.container]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Containers {
    /// The engine's client with arguments that stand before its command; else what is installed of `podman` and `docker`.
    pub engine: Option<Vec<String>>,
    /// Further arguments of its `run`.
    pub run_arguments: Vec<String>,
    /// The network of builds: `host`, or what the engine calls it.
    pub network: String,
    /// When images are asked for at their registry: `missing` or `always`.
    pub pull: runner::Pull,
    /// Projects may ask for privileged mode.
    pub privileged: bool,
    /// Images that stand for others: `"aws/codebuild/standard:7.0" = "registry.example.com/standard:7"`.
    pub images: BTreeMap<String, String>,
}

impl Default for Containers {
    fn default() -> Self {
        Self {
            engine: None,
            run_arguments: Vec::new(),
            network: "host".to_owned(),
            pull: runner::Pull::default(),
            privileged: false,
            images: BTreeMap::new(),
        }
    }
}

impl Containers {
    /// What would run builds other than they are meant to.
    fn check(&self) -> Result<(), Error> {
        if self.engine.as_ref().is_some_and(|command| command.first().is_none_or(String::is_empty)) {
            return Err(Error::Container("engine must name a program: [\"podman\"]".to_owned()));
        }
        let shares_processes = |argument: &&String| *argument == "--pid" || argument.starts_with("--pid=");
        if let Some(argument) = self.run_arguments.iter().find(shares_processes) {
            // A stop is SIGTERM to every process that a build can see.
            return Err(Error::Container(format!(
                "run_arguments: {argument} would let a stop end other processes"
            )));
        }
        Ok(())
    }
}
