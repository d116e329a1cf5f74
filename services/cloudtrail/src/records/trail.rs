use std::collections::BTreeMap;

use aws::{AccountId, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use crate::selector::Selectors;

/// A trail: which events are written where. Key: account, home region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trail {
    /// A trail that is deleted and made again is another one.
    pub id: Uuid,
    /// Account and home region.
    pub scope: Scope,
    pub name: String,
    pub bucket: String,
    pub prefix: Option<String>,
    pub global_events: bool,
    pub multi_region: bool,
    /// Whether digest files are delivered.
    pub validates: bool,
    /// ARN of a log group that gets the events, too, with the role that writes them.
    pub log_group: Option<LogGroup>,
    /// Name or ARN of the topic that is told of log files, as it was given.
    #[serde(default)]
    pub topic: Option<String>,
    pub selectors: Selectors,
    /// Whether insights were once set, to none.
    pub insights_set: bool,
    pub tags: BTreeMap<String, String>,
    pub logging: bool,
    /// Stopped, but what was called before is still being delivered.
    pub draining: bool,
    pub started: Option<Timestamp>,
    pub stopped: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGroup {
    /// `arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*`
    pub arn: String,
    pub role_arn: String,
}

/// A deleted trail, until its last events are delivered. Key: the trail's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closing {
    pub trail: Trail,
    pub since: Timestamp,
}

/// How the deliveries of a trail went. Key: the trail's id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    pub trail: Uuid,
    pub files: Course,
    pub digests: Course,
    pub log_group: Course,
    /// When files are due, and digests.
    pub next_files: Timestamp,
    pub next_digest: Timestamp,
}

/// How telling the topic went. Key: the trail's id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Notices {
    pub trail: Uuid,
    pub course: Course,
}

/// How one kind of delivery went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    pub attempted: Option<Timestamp>,
    pub succeeded: Option<Timestamp>,
    /// The code of the last attempt's error.
    pub error: Option<String>,
}

impl Trail {
    pub const ID: &str = "id";
    /// Index of the trails of an account that take events in.
    pub const LOGGING: &str = "logging";

    pub fn key_of(scope: &Scope, name: &str) -> Key {
        Self::in_scope(scope).and(name)
    }

    /// The prefix of all trails of a home region.
    pub fn in_scope(scope: &Scope) -> Key {
        Self::of_account(&scope.account).and(scope.region.as_str())
    }

    pub fn of_account(account: &AccountId) -> Key {
        Key::of(account.as_str())
    }

    pub fn with_id(id: Uuid) -> Key {
        Key::of(id.to_string())
    }

    pub fn arn(&self) -> String {
        self.scope.arn("cloudtrail", format!("trail/{}", self.name)).to_string()
    }

    /// The ARN of the topic; a name is that of a topic of the home region.
    pub fn topic_arn(&self) -> Option<String> {
        let topic = self.topic.as_deref()?;
        Some(match topic.starts_with("arn:") {
            true => topic.to_owned(),
            false => self.scope.arn("sns", topic).to_string(),
        })
    }
}

impl LogGroup {
    /// Region and name; `None` for what is no log group's ARN.
    pub fn parts(&self) -> Option<(aws::Region, String)> {
        let arn: aws::Arn = self.arn.parse().ok().filter(|arn: &aws::Arn| arn.service == "logs")?;
        let name = arn.resource.strip_prefix("log-group:")?;
        let name = name.strip_suffix(":*").unwrap_or(name);
        let named = !name.is_empty() && !name.contains(':');
        named.then(|| Some((arn.region.parse().ok()?, name.to_owned())))?
    }
}

impl Closing {
    pub fn key_of(id: Uuid) -> Key {
        Key::of(id.to_string())
    }
}

impl Progress {
    pub fn key_of(trail: Uuid) -> Key {
        Key::of(trail.to_string())
    }
}

impl Record for Trail {
    const KIND: &'static str = "cloudtrail/trail";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let mut indexes = vec![Index::new(Self::ID, Self::with_id(self.id))];
        if self.logging || self.draining {
            indexes.push(Index::new(Self::LOGGING, Self::of_account(&self.scope.account)));
        }
        indexes
    }
}

impl Record for Closing {
    const KIND: &'static str = "cloudtrail/closing-trail";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.trail.id)
    }
}

impl Notices {
    pub fn key_of(trail: Uuid) -> Key {
        Key::of(trail.to_string())
    }
}

impl Record for Notices {
    const KIND: &'static str = "cloudtrail/notices";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.trail)
    }
}

impl Record for Progress {
    const KIND: &'static str = "cloudtrail/progress";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.trail)
    }
}
