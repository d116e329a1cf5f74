//! Fleets, and what a build has of one.

use aws::{Scope, Timestamp};
use codebuild_model as model;
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use super::{api_json::in_api_json, in_scope};

/// A fleet by name. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fleet {
    pub scope: Scope,
    pub name: String,
    pub id: Uuid,
    pub created: Timestamp,
    pub last_modified: Timestamp,
    pub settings: FleetSettings,
    pub tags: Vec<(String, String)>,
    /// It goes when its last build is over.
    pub deleting: bool,
}

/// A fleet's settings in the API's own JSON, without what the record has itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FleetSettings(pub model::Fleet);

in_api_json!(FleetSettings, model::FLEET, "a fleet's settings");

impl Fleet {
    pub const CREATED: &'static str = "created";
    pub const LAST_MODIFIED: &'static str = "last-modified";

    pub fn key_of(scope: &Scope, name: &str) -> Key {
        in_scope(scope).and(name)
    }

    pub fn arn(&self) -> String {
        self.scope.arn("codebuild", format_args!("fleet/{}:{}", self.name, self.id)).to_string()
    }

    /// Builds that run in it at one time.
    pub fn capacity(&self) -> u64 {
        self.settings.0.base_capacity.and_then(|capacity| u64::try_from(capacity).ok()).unwrap_or(0)
    }
}

impl Record for Fleet {
    const KIND: &'static str = "codebuild/fleet";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let at = |time: Timestamp| in_scope(&self.scope).and_i64(time.as_millis()).and(&self.name);
        vec![
            Index::new(Self::CREATED, at(self.created)),
            Index::new(Self::LAST_MODIFIED, at(self.last_modified)),
        ]
    }
}

/// What a build has of the fleet that it was started for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFleet {
    pub arn: String,
    pub place: FleetPlace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FleetPlace {
    /// It waits for one.
    Waiting,
    /// One of the fleet's capacity, until it is over.
    Held,
    /// There was none, and the fleet lets such builds run where those without a fleet do.
    OnDemand,
}
