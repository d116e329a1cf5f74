//! The envelope of what services tell the world, as EventBridge delivers it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::names::Scope;
use crate::timestamp::Timestamp;

/// The outbox topic that carries every [`Event`].
pub const TOPIC: &str = "events";

/// The outbox topic of events that services of the platform follow and EventBridge does not: what is told of buckets that
/// do not ask for EventBridge.
pub const UNPUBLISHED_TOPIC: &str = "events/unpublished";

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
    /// The replay that puts the event on its bus once more.
    #[serde(rename = "replay-name", default, skip_serializing_if = "Option::is_none")]
    pub replay_name: Option<String>,
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
            replay_name: None,
            resources,
            detail,
        }
    }

    /// Names the change that the event tells of: the same for all events that tell of one and the same. Of an object of S3
    /// those are its own event and the event of the call that CloudTrail recorded. A replay is a change of its own.
    pub fn change(&self) -> String {
        let text = |pointer: &str| self.detail.pointer(pointer).and_then(Value::as_str);
        let of_object = match self.detail_type.as_str() {
            "Object Created" => text("/request-id").zip(text("/bucket/name")).zip(text("/object/key")),
            "AWS API Call via CloudTrail" => {
                let bucket = text("/requestParameters/bucketName");
                text("/requestID").zip(bucket).zip(text("/requestParameters/key"))
            }
            _ => None,
        };
        let change = match of_object.filter(|_| self.source == "aws.s3") {
            Some(((request, bucket), key)) => format!("s3/{request}/{bucket}/{key}"),
            None => format!("event/{}", self.id),
        };
        match &self.replay_name {
            Some(replay) => format!("replay/{replay}/{change}"),
            None => change,
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

    fn event(detail_type: &str, detail: Value) -> Event {
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        Event::new(&scope, "aws.s3", detail_type, Timestamp::default(), Vec::new(), detail)
    }

    #[test]
    fn events_of_one_upload_name_one_change() {
        let own = |request: &str, key: &str| {
            let detail = json!({"request-id": request, "bucket": {"name": "b"}, "object": {"key": key}});
            event("Object Created", detail).change()
        };
        let parameters = json!({"bucketName": "b", "key": "k"});
        let call = json!({"requestID": "R1", "requestParameters": parameters});
        let recorded = event("AWS API Call via CloudTrail", call);
        assert_eq!(own("R1", "k"), recorded.change());
        assert_ne!(own("R1", "k"), own("R2", "k"), "the same key, put again");
        assert_ne!(own("R1", "k"), own("R1", "l"));
        let replayed = Event { replay_name: Some("again".into()), ..recorded.clone() };
        assert_ne!(replayed.change(), recorded.change());
        let other = event("Object Deleted", json!({}));
        assert_eq!(other.change(), format!("event/{}", other.id));
    }

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
