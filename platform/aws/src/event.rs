//! The envelope of what services tell the world, as EventBridge delivers it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
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

/// An event, and what notification rules tell beyond it. Who reads it as an [`Event`] does not see that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announcement {
    #[serde(flatten)]
    pub event: Event,
    /// `additionalAttributes` of notifications with the detail type FULL.
    #[serde(default, rename = "additional-attributes", skip_serializing_if = "Map::is_empty")]
    pub additional: Map<String, Value>,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_announcement_is_an_event_to_those_who_know_no_more() {
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let event =
            Event::new(&scope, "aws.x", "t", Timestamp::default(), Vec::new(), json!({"version": 1.0}));
        let additional = Map::from_iter([("why".to_owned(), json!("so"))]);
        let text = serde_json::to_string(&Announcement { event: event.clone(), additional }).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        assert_eq!(serde_json::from_str::<Announcement>(&text).unwrap().additional["why"], "so");
        let plain = serde_json::to_string(&event).unwrap();
        assert!(serde_json::from_str::<Announcement>(&plain).unwrap().additional.is_empty());
    }
}
