use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

use super::Position;

/// A replay of an archive's events. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    pub id: Uuid,
    pub scope: Scope,
    pub name: String,
    pub description: Option<String>,
    pub archive: Uuid,
    pub archive_arn: String,
    pub bus: String,
    /// ARNs of the rules that get the events; all rules if there are none.
    pub rules: Vec<String>,
    /// Of the events' own time, included.
    pub from: Timestamp,
    /// Not included.
    pub to: Timestamp,
    pub state: ReplayStatus,
    pub reason: Option<String>,
    /// The event that was replayed last.
    pub last: Option<Position>,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplayStatus {
    Starting,
    Running,
    Cancelling,
    Completed,
    Cancelled,
    Failed,
}

impl ReplayStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Cancelling => "CANCELLING",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether it goes on by itself and has not been cancelled.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Starting | Self::Running)
    }
}

impl Replay {
    pub fn key_of(scope: &Scope, name: &str) -> Key {
        Self::in_scope(scope).and(name)
    }

    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn arn(&self) -> String {
        Self::arn_of(&self.scope, &self.name)
    }

    pub fn arn_of(scope: &Scope, name: &str) -> String {
        scope.arn("events", format!("replay/{name}")).to_string()
    }
}

impl Record for Replay {
    const KIND: &'static str = "eventbridge/replay";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }
}
