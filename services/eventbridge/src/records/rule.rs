use std::collections::BTreeMap;

use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use super::DEFAULT_BUS;

/// A rule with its targets. Key: account, region, bus, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// A rule that is deleted and made again is another one.
    pub id: Uuid,
    pub scope: Scope,
    pub bus: String,
    pub name: String,
    pub pattern: Option<String>,
    pub schedule: Option<String>,
    pub state: State,
    pub description: Option<String>,
    pub role_arn: Option<String>,
    /// The service that made it, which alone may change it.
    pub managed_by: Option<String>,
    /// The archive that it feeds, beside its targets.
    #[serde(default)]
    pub archive: Option<Uuid>,
    pub tags: BTreeMap<String, String>,
    /// By id.
    pub targets: Vec<Target>,
    /// When what it decides was last changed.
    pub updated: Timestamp,
    /// When its schedule began to count.
    pub anchor: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Enabled,
    Disabled,
    /// Also for calls that only read, as CloudTrail records them.
    EnabledWithAllManagementEvents,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub id: String,
    pub arn: String,
    pub role_arn: Option<String>,
    pub input: Input,
    pub http: Option<HttpParameters>,
    /// 0 to 185; `None`: 185.
    pub maximum_retry_attempts: Option<u32>,
    /// 60 to 86,400; `None`: 86,400.
    pub maximum_event_age_seconds: Option<u32>,
    /// The group of the messages to a FIFO queue.
    #[serde(default)]
    pub message_group_id: Option<String>,
    /// The ARN of the queue that gets what could not be delivered.
    #[serde(default)]
    pub dead_letter_arn: Option<String>,
}

/// What the target is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Input {
    #[default]
    Event,
    Constant(String),
    Path(String),
    Transformer {
        paths: BTreeMap<String, String>,
        /// Whether the paths were given at all, an empty map too.
        has_paths: bool,
        template: String,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpParameters {
    pub path_values: Vec<String>,
    pub headers: BTreeMap<String, String>,
    pub query: BTreeMap<String, String>,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::EnabledWithAllManagementEvents => "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        }
    }

    pub fn is_enabled(self) -> bool {
        match self {
            Self::Enabled | Self::EnabledWithAllManagementEvents => true,
            Self::Disabled => false,
        }
    }
}

impl Rule {
    pub const TARGET: &str = "target";

    pub fn key_of(scope: &Scope, bus: &str, name: &str) -> Key {
        Self::on_bus(scope, bus).and(name)
    }

    /// The prefix of all rules of a bus.
    pub fn on_bus(scope: &Scope, bus: &str) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str()).and(bus)
    }

    /// The index key of the rules of a bus with a target.
    pub fn with_target(scope: &Scope, bus: &str, target_arn: &str) -> Key {
        Self::on_bus(scope, bus).and(target_arn)
    }

    pub fn arn(&self) -> String {
        Self::arn_of(&self.scope, &self.bus, &self.name)
    }

    /// Rules of the default bus do not name it.
    pub fn arn_of(scope: &Scope, bus: &str, name: &str) -> String {
        let resource = if bus == DEFAULT_BUS { format!("rule/{name}") } else { format!("rule/{bus}/{name}") };
        scope.arn("events", resource).to_string()
    }

    pub fn target(&self, id: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.id == id)
    }
}

impl Record for Rule {
    const KIND: &'static str = "eventbridge/rule";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.bus, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let keys = self.targets.iter().map(|target| Self::with_target(&self.scope, &self.bus, &target.arn));
        keys.map(|key| Index::new(Self::TARGET, key)).collect()
    }
}
