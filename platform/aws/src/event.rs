//! The envelope of what services tell the world, as EventBridge delivers it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::names::Scope;
use crate::timestamp::Timestamp;

/// The outbox topic that carries every [`Event`].
pub const TOPIC: &str = "events";

/// One event. Appended to the outbox in the transaction that changes what it tells of.
/// Field names and order as delivered. Source: EventBridge User Guide, "Event structure".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub version: String,
    pub id: String,
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    pub source: String,
    pub account: String,
    /// `2024-01-02T03:04:05Z`
    pub time: String,
    pub region: String,
    pub resources: Vec<String>,
    pub detail: Value,
}

impl Event {
    pub fn new(
        scope: &Scope,
        source: &str,
        detail_type: &str,
        at: Timestamp,
        resources: Vec<String>,
        detail: Value,
    ) -> Self {
        Self {
            version: "0".to_owned(),
            id: Uuid::new_v4().to_string(),
            detail_type: detail_type.to_owned(),
            source: source.to_owned(),
            account: scope.account.to_string(),
            time: at.to_iso8601_secs(),
            region: scope.region.to_string(),
            resources,
            detail,
        }
    }

    /// The scope in which it happened; `None` where the envelope was not made by this platform.
    pub fn scope(&self) -> Option<Scope> {
        Some(Scope::new(self.account.parse().ok()?, self.region.parse().ok()?))
    }
}
