//! What a build runs: the phases with their commands, the environment and the bounds, as data.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::container::{Container, Requested};
use crate::open::Open;

/// Everything that a supervisor must know to run the phases INSTALL to POST_BUILD of one build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The build; also the name of its folder. Starting the same id twice runs it once.
    pub id: Uuid,
    /// In the order in which they run, each phase at most once. A phase that is not listed still appears in the
    /// log and in the events, as one without commands.
    pub phases: Vec<PhasePlan>,
    #[serde(default)]
    pub shell: Shell,
    #[serde(default)]
    pub session: Session,
    /// The environment of the first command. Nothing is inherited from the server.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Values that are replaced by `***` in the log. Empty ones are ignored.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Where the first command starts, as seen inside, for example `/codebuild/output/src123/src`.
    pub source_directory: PathBuf,
    /// Variables whose values are reported after the last phase; those that are not set then are left out.
    #[serde(default)]
    pub exported_variables: Vec<String>,
    /// Texts that the shell expands after the last phase (`app-$(date +%F)`), by a name of the caller's.
    #[serde(default)]
    pub evaluate: BTreeMap<String, String>,
    /// Seconds that all phases together may take.
    pub timeout_seconds: u64,
    /// Seconds between SIGTERM and SIGKILL when the build is stopped or timed out.
    #[serde(default = "Plan::default_grace_seconds")]
    pub grace_seconds: u64,
    #[serde(default)]
    pub network: Network,
    #[serde(default)]
    pub limits: Limits,
    /// Further folders of the host that the build sees, for example a local cache.
    #[serde(default)]
    pub binds: Vec<Bind>,
    /// The container that the build runs in; without one it runs in a sandbox.
    #[serde(default)]
    pub container: Option<Container>,
    /// What workers are told of the container that the project asks for.
    #[serde(default)]
    pub requested: Option<Requested>,
    /// What else the environment takes while it lives.
    #[serde(default)]
    pub open: Option<Open>,
    /// The workers that it is for; none: it runs on this machine.
    #[serde(default)]
    pub pool: Option<Pool>,
    /// `AWS_ENDPOINT_URL` is the user's: it is what it is on every machine.
    #[serde(default)]
    pub has_own_endpoint: bool,
    /// Whether anybody looks at the build's files afterwards. Those of one that runs elsewhere come back only then.
    #[serde(default = "Plan::files_are_wanted")]
    pub leaves_files: bool,
}

impl Plan {
    pub const fn default_grace_seconds() -> u64 {
        10
    }

    const fn files_are_wanted() -> bool {
        true
    }
}

/// Workers on other machines that get the same builds.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Those that belong to no fleet.
    #[default]
    Common,
    /// Those of a fleet, by its ARN.
    Fleet(String),
    /// A pod of a cluster, which is made for this one build.
    Cluster,
    /// The pod that was made: the one that shows the token of this hash.
    Pod(String),
}

/// A phase that runs buildspec commands. The other phases of a build belong to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Phase {
    Install,
    PreBuild,
    Build,
    PostBuild,
}

impl Phase {
    /// In the order in which a build passes them.
    pub const ALL: [Self; 4] = [Self::Install, Self::PreBuild, Self::Build, Self::PostBuild];

    /// CodeBuild's name, `PRE_BUILD`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Install => "INSTALL",
            Self::PreBuild => "PRE_BUILD",
            Self::Build => "BUILD",
            Self::PostBuild => "POST_BUILD",
        }
    }

    /// The key in a buildspec, `pre_build`.
    pub const fn buildspec_key(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::PreBuild => "pre_build",
            Self::Build => "build",
            Self::PostBuild => "post_build",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhasePlan {
    pub phase: Phase,
    /// Run in order; the first one that fails skips the rest.
    #[serde(default)]
    pub commands: Vec<String>,
    /// Run after the commands, whatever became of them; a failure here fails the phase too.
    #[serde(default)]
    pub finally: Vec<String>,
    #[serde(default)]
    pub on_failure: OnFailure,
    /// The user that the commands run as. A container knows those of its image; the sandbox knows only `root` and
    /// refuses others.
    #[serde(default)]
    pub run_as: Option<String>,
}

/// `on-failure` of a phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The transitions that a build has by itself: a failed BUILD still runs POST_BUILD, earlier phases end it.
    #[default]
    Default,
    /// Nothing further runs.
    Abort,
    /// The next phase runs; this one stays failed, and so does the build.
    Continue,
    /// The phase runs again; when the tries are used up, as `Default`.
    Retry(Retry),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Further tries after the first, 0 to 100.
    pub attempts: u32,
    /// Only when the failure's message matches (searched, not anchored).
    pub pattern: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shell {
    #[default]
    Sh,
    Bash,
    /// `sh` of an image where that is bash: of Amazon Linux.
    BashAsSh,
}

impl Shell {
    /// In a container of the image.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Sh | Self::BashAsSh => "/bin/sh",
            Self::Bash => "/bin/bash",
        }
    }

    /// In a sandbox, with the machine's programs: bash stands for the image's `sh` if the machine has it.
    pub(crate) fn path_on_machine(self) -> &'static str {
        const BASH: &str = "/bin/bash";
        match self {
            Self::BashAsSh if std::path::Path::new(BASH).exists() => BASH,
            other => other.path(),
        }
    }
}

/// What one command leaves to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Session {
    /// Working directory and variables are carried over (buildspec 0.2).
    #[default]
    Shared,
    /// Every command starts afresh (buildspec 0.1).
    Fresh,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// The host's network, or that of the engine's settings. Services on the host's loopback and its abstract sockets
    /// can be reached.
    #[default]
    Host,
    /// A network of its own with nothing but loopback.
    None,
}

/// Bounds of one build. Memory and processes are bounded by a control group where the supervisor may make one,
/// else per process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Processes and threads.
    pub processes: u64,
    /// Bytes of memory; none is unlimited.
    pub memory_bytes: Option<u64>,
    /// Largest single file that the build may write, in bytes; none is unlimited.
    pub file_bytes: Option<u64>,
    pub open_files: u64,
    /// Bytes of output that are kept; what comes after is dropped and the log says so.
    pub log_bytes: u64,
    /// Processors that a container may keep busy; none is all. A sandbox has no such bound.
    #[serde(default)]
    pub processors: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            processes: 8192,
            memory_bytes: None,
            file_bytes: None,
            open_files: 65_536,
            log_bytes: 1 << 30,
            processors: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    pub host: PathBuf,
    pub inside: PathBuf,
    pub writable: bool,
}
