use std::collections::BTreeMap;

use aws::{Operation, Scope, Timestamp};
use codebuild_model::{self as model, BuildPhaseType, StatusType};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use super::{FleetPlace, InFleet, PartOf, ReportId, WebhookStart, api_json::in_api_json};

/// A project by name. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    pub scope: Scope,
    pub name: String,
    pub created: Timestamp,
    pub last_modified: Timestamp,
    /// Without what this record has itself: names, ARN, times.
    pub configuration: Configuration,
    /// By which its badge is asked for. None if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<Uuid>,
}

/// A project's settings in the API's own JSON: a document of the user's, not of ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configuration(pub model::Project);

in_api_json!(Configuration, model::PROJECT, "a project's settings");

impl Project {
    pub const CREATED: &'static str = "created";
    pub const LAST_MODIFIED: &'static str = "last-modified";
    pub const BADGE: &'static str = "badge";
    /// By the alias that a project is public by, or was.
    pub const ALIAS: &'static str = "alias";

    pub fn key_of(scope: &Scope, name: &str) -> Key {
        in_scope(scope).and(name)
    }

    pub fn arn(&self) -> String {
        self.scope.arn("codebuild", format_args!("project/{}", self.name)).to_string()
    }
}

impl Record for Project {
    const KIND: &'static str = "codebuild/project";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let at = |time: Timestamp| in_scope(&self.scope).and_i64(time.as_millis()).and(&self.name);
        let badge = self.badge.map(|badge| Index::new(Self::BADGE, Key::of(badge.to_string())));
        let alias = self.configuration.0.public_project_alias.as_ref();
        let alias = alias.map(|alias| Index::new(Self::ALIAS, Key::of(alias)));
        [Index::new(Self::CREATED, at(self.created)), Index::new(Self::LAST_MODIFIED, at(self.last_modified))]
            .into_iter()
            .chain(badge)
            .chain(alias)
            .collect()
    }
}

/// The prefix of everything in a scope.
pub fn in_scope(scope: &Scope) -> Key {
    Key::of(scope.account.as_str()).and(scope.region.as_str())
}

/// The number of a project's latest build. It outlives builds and project: numbers never come again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    pub scope: Scope,
    pub project: String,
    pub last: u64,
}

impl Counter {
    pub fn key_of(scope: &Scope, project: &str) -> Key {
        in_scope(scope).and(project)
    }
}

impl Record for Counter {
    const KIND: &'static str = "codebuild/counter";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.project)
    }
}

/// An idempotency token that something was started with. Key: account, region, token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    pub scope: Scope,
    /// As [`Token::of`] makes it.
    pub token: String,
    /// SHA-256 of operation and parameters.
    pub request: String,
    pub build: BuildId,
    pub expires: Timestamp,
}

impl Token {
    pub const EXPIRES: &'static str = "expires";

    /// What a token is kept as: the same one means nothing to another operation.
    pub fn of<O: Operation>(given: &str) -> String {
        format!("{}/{given}", O::MODEL.name)
    }

    pub fn key_of(scope: &Scope, token: &str) -> Key {
        in_scope(scope).and(token)
    }
}

impl Record for Token {
    const KIND: &'static str = "codebuild/token";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.token)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new(Self::EXPIRES, Key::empty().and_i64(self.expires.as_millis()).join(&self.key()))]
    }
}

/// `project:uuid`
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BuildId {
    pub project: String,
    pub uuid: Uuid,
}

/// In front of the project's name in the id of a sandbox: no operation on builds can name it.
const SANDBOX: &str = "sandbox/";

impl BuildId {
    /// Of a new build.
    pub fn of_build(project: &str) -> Self {
        Self { project: project.to_owned(), uuid: Uuid::new_v4() }
    }

    /// Of a new sandbox.
    pub fn of_sandbox(project: &str) -> Self {
        Self { project: format!("{SANDBOX}{project}"), uuid: Uuid::new_v4() }
    }

    /// As `parse`, for the id or the ARN of a sandbox.
    pub fn parse_sandbox(text: &str) -> Option<Self> {
        let id = match text.starts_with("arn:") {
            true => text.rsplit_once(":sandbox/")?.1,
            false => text,
        };
        let (project, uuid) = id.split_once(':').filter(|(project, _)| !project.contains('/'))?;
        Some(Self { project: format!("{SANDBOX}{project}"), uuid: uuid.parse().ok()? })
    }

    /// The project's name.
    pub fn project_name(&self) -> &str {
        self.project.strip_prefix(SANDBOX).unwrap_or(&self.project)
    }

    /// `project:uuid`, as users know it.
    pub fn public(&self) -> String {
        format!("{}:{}", self.project_name(), self.uuid)
    }

    /// None for what no build can be called. A build's ARN names it too. What runs for another service has a slash in
    /// its name, and is nobody's to ask for.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_as("build", text)
    }

    /// As `parse`, of a batch.
    pub fn parse_batch(text: &str) -> Option<Self> {
        Self::parse_as("build-batch", text)
    }

    fn parse_as(kind: &str, text: &str) -> Option<Self> {
        let id = match text.starts_with("arn:") {
            true => text.rsplit_once(&format!(":{kind}/"))?.1,
            false => text,
        };
        let (project, uuid) = id.split_once(':').filter(|(project, _)| !project.contains('/'))?;
        Some(Self { project: project.to_owned(), uuid: uuid.parse().ok()? })
    }
}

impl std::fmt::Display for BuildId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.project, self.uuid)
    }
}

/// One build. Key: account, region, project, uuid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Build {
    pub scope: Scope,
    pub id: BuildId,
    pub number: u64,
    pub initiator: String,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// The project's settings as they were, with the overrides of this build.
    pub configuration: Configuration,
    pub source_version: Option<String>,
    pub resolved_source_version: Option<String>,
    /// In the order in which the build came to them; the last one is open until it has an end.
    pub phases: Vec<Phase>,
    /// How far the driver has come within the phases.
    pub step: Step,
    /// Somebody has asked for the build to end.
    pub stopping: bool,
    pub log: Option<LogStream>,
    /// SHA-256 of the token that the build fetches its role's credentials with.
    pub credentials_token: Option<String>,
    pub exported: Vec<(String, String)>,
    pub artifacts: Option<Artifact>,
    pub secondary_artifacts: Vec<Artifact>,
    /// Set if the build is tried again by itself when it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_retry: Option<AutoRetry>,
    /// Set for a build of a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<PartOf>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<ReportId>,
    /// Of commands that another service runs: then no operation shows the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<OnBehalfOf>,
    /// Of a build that a webhook has started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookStart>,
    /// Of a sandbox, and of a build whose debug session is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<runner::Open>,
    /// Of a build that was started for a fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<InFleet>,
}

/// How often a build that fails is tried again by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoRetry {
    pub limit: i32,
    /// 0 for the first build.
    pub number: i32,
    pub previous: Option<BuildId>,
    pub next: Option<BuildId>,
}

/// A service that has commands run for its users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnBehalfOf {
    /// Under which name roles admit it.
    pub principal: String,
    /// Through which roles it comes to the build's, the first one assumed by itself.
    pub through: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    #[serde(with = "name")]
    pub kind: BuildPhaseType,
    #[serde(with = "optional_name")]
    pub status: Option<StatusType>,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// Code and message.
    pub context: Option<(String, String)>,
}

/// Where the driver goes on after a crash, where the phases do not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Up to DOWNLOAD_SOURCE: every phase can be done again from its beginning.
    #[default]
    Preparing,
    /// Source and buildspec are in the build's folder; the plan is to be started, or runs.
    Running,
    /// The commands are over.
    Ran,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStream {
    pub group: String,
    pub stream: String,
}

/// What was uploaded, or will be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    pub identifier: Option<String>,
    /// ARN of the object, or of the prefix.
    pub location: String,
    pub sha256: Option<String>,
    pub md5: Option<String>,
}

impl Build {
    /// Of a scope, by start.
    pub const STARTED: &'static str = "started";
    /// Of a project, by number.
    pub const NUMBER: &'static str = "number";
    pub const UUID: &'static str = "uuid";
    /// Those of a project that have not ended.
    pub const RUNNING: &'static str = "running";
    /// Sandboxes of a scope, by start.
    pub const SANDBOXES: &'static str = "sandboxes";
    /// Sandboxes of a project, by start.
    pub const PROJECT_SANDBOXES: &'static str = "project-sandboxes";

    /// Those that have a place in a fleet, by the fleet's ARN.
    pub const FLEET_HELD: &'static str = "fleet-held";
    /// Those that wait for one, by the fleet's ARN and by start.
    pub const FLEET_WAITING: &'static str = "fleet-waiting";

    /// Those of a fleet, in both of these.
    pub fn of_fleet(arn: &str) -> Key {
        Key::of(arn)
    }

    pub fn key_of(scope: &Scope, id: &BuildId) -> Key {
        in_scope(scope).and(&id.project).and(id.uuid.to_string())
    }

    pub fn of_project(scope: &Scope, project: &str) -> Key {
        in_scope(scope).and(project)
    }

    pub fn arn(&self) -> String {
        arn(&self.scope, &self.id)
    }

    pub fn is_complete(&self) -> bool {
        self.ended.is_some()
    }

    /// Whether its project asks for the container engine's rights over the machine.
    pub fn is_privileged(&self) -> bool {
        let environment = self.configuration.0.environment.as_ref();
        environment.is_some_and(|environment| environment.privileged_mode == Some(true))
    }

    pub fn is_sandbox(&self) -> bool {
        self.open.is_some_and(|open| open.sandbox)
    }
}

pub fn arn(scope: &Scope, id: &BuildId) -> String {
    match id.project.starts_with(SANDBOX) {
        true => scope.arn("codebuild", id).to_string(),
        false => scope.arn("codebuild", format_args!("build/{id}")).to_string(),
    }
}

impl Record for Build {
    const KIND: &'static str = "codebuild/build";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.id)
    }

    fn indexes(&self) -> Vec<Index> {
        let uuid = self.id.uuid.to_string();
        let of_project = Self::of_project(&self.scope, &self.id.project);
        let mut indexes = vec![Index::new(Self::UUID, Key::of(&uuid))];
        let started = self.started.as_millis();
        let at = in_scope(&self.scope).and_i64(started).and(&uuid);
        if self.is_sandbox() {
            indexes.push(Index::new(Self::SANDBOXES, at));
            let at = of_project.clone().and_i64(started).and(&uuid);
            indexes.push(Index::new(Self::PROJECT_SANDBOXES, at));
        } else if self.on_behalf_of.is_none() {
            indexes.push(Index::new(Self::STARTED, at));
            indexes.push(Index::new(Self::NUMBER, of_project.clone().and_u64(self.number)));
        }
        if !self.is_complete() {
            if let Some(InFleet { arn, place }) = &self.fleet {
                let waiting = || Self::of_fleet(arn).and_i64(started).and_u64(self.number).and(&uuid);
                indexes.extend(match place {
                    FleetPlace::Held => Some(Index::new(Self::FLEET_HELD, Self::of_fleet(arn).and(&uuid))),
                    FleetPlace::Waiting => Some(Index::new(Self::FLEET_WAITING, waiting())),
                    FleetPlace::OnDemand => None,
                });
            }
            indexes.push(Index::new(Self::RUNNING, of_project.and(uuid)));
        }
        indexes
    }
}

/// How far what the supervisor writes has been taken in. Apart from the build, because it changes far more often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    pub scope: Scope,
    pub id: BuildId,
    pub position: runner::Position,
    /// Texts that the shell has expanded, see `runner::Plan::evaluate`.
    pub evaluated: BTreeMap<String, String>,
}

impl Record for Progress {
    const KIND: &'static str = "codebuild/progress";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Build::key_of(&self.scope, &self.id)
    }
}

/// An enum of the API by its name on the wire.
mod name {
    use codebuild_model::BuildPhaseType;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(kind: &BuildPhaseType, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(kind.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BuildPhaseType, D::Error> {
        String::deserialize(deserializer).map(|text| BuildPhaseType::from(text.as_str()))
    }
}

pub(super) mod optional_name {
    use codebuild_model::StatusType;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(status: &Option<StatusType>, serializer: S) -> Result<S::Ok, S::Error> {
        status.as_ref().map(StatusType::as_str).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StatusType>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(|text| StatusType::from(text.as_str())))
    }
}
