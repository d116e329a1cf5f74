//! Commands that one service runs for its users in an environment of another: a build that belongs to no project and
//! that no operation shows.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::error::Error;
use crate::names::Scope;

/// The source of the event that tells of the end of a run, among those that are not published. Its detail is
/// `{"id": …}`.
pub const SOURCE: &str = "stagewright.compute";
pub const ENDED: &str = "Compute Run Ended";

/// Implemented by `codebuild` with the environments in which builds run.
#[async_trait]
pub trait Compute: Send + Sync {
    /// Puts a run into the queue, once for each id, and gives what it is like now. Durable when it returns.
    /// Errors: `InvalidInputException`, `AccountLimitExceededException` when the queue is full.
    async fn start(&self, run: Run) -> Result<RunState, Error>;

    /// `None`: there is no such run.
    async fn state(&self, scope: &Scope, id: Uuid, name: &str) -> Result<Option<RunState>, Error>;

    /// Asks a run to end. No error if it has ended, or never was.
    async fn stop(&self, scope: &Scope, id: Uuid, name: &str) -> Result<(), Error>;
}

/// What is to be run. All of it works with the rights of the last role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub scope: Scope,
    /// The client token.
    pub id: Uuid,
    /// What it is run for, as `service/thing`: a project has no slash in its name.
    pub name: String,
    /// Under which name roles admit the service.
    pub principal: String,
    /// Assumed one through another, the first by the service. Not empty.
    pub roles: Vec<String>,
    /// In one shell, until one fails.
    pub commands: Vec<String>,
    pub environment: Vec<Variable>,
    /// ZIPs. The commands begin in the folder of the first.
    pub inputs: Vec<Input>,
    pub output: Option<Output>,
    /// Names of variables whose last values are wanted.
    pub exported: Vec<String>,
    pub size: Size,
    pub log_group: String,
    /// `None`: S3's own.
    pub kms_key_id: Option<String>,
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub value: String,
    /// `PLAINTEXT` or `SECRETS_MANAGER`.
    pub kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub name: String,
    pub bucket: String,
    pub key: String,
}

/// A ZIP of what `files` name, in the folder where the commands begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub bucket: String,
    pub key: String,
    pub files: Vec<String>,
}

/// How much memory and processor there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    #[default]
    Small,
    Medium,
    Large,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunState {
    pub status: RunStatus,
    pub exported: BTreeMap<String, String>,
    /// Where its log is, or will be.
    pub log_stream_arn: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunStatus {
    InProgress,
    Succeeded,
    /// With what failed first.
    Failed(String),
}
