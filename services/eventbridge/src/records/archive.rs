use aws::{Event, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{Index, Key, Record};
use uuid::Uuid;

/// The service that makes rules for archives, as rules name it.
pub const ARCHIVER: &str = "prod.vhs.events.aws.internal";

/// What of the events of a bus is kept. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Archive {
    /// An archive that is deleted and made again is another one.
    pub id: Uuid,
    pub scope: Scope,
    pub name: String,
    pub bus: String,
    pub description: Option<String>,
    pub pattern: Option<String>,
    /// 0: for ever.
    pub retention_days: u32,
    pub created: Timestamp,
}

/// How much an archive holds; there as long as the archive is. Key: the archive's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveSize {
    pub archive: Uuid,
    pub events: u64,
    pub bytes: u64,
}

/// An event in an archive. Key: archive, and where it stands in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Archived {
    pub archive: Uuid,
    pub position: Position,
    pub event: Event,
    pub bytes: u64,
}

/// The order of an archive: by the events' own time, then as they came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub at: Timestamp,
    pub ingested: Timestamp,
    pub topic: String,
    pub seq: u64,
}

impl Archive {
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
        scope.arn("events", format!("archive/{name}")).to_string()
    }

    /// The rule that feeds it.
    pub fn rule_name(&self) -> String {
        format!("Events-Archive-{}", self.name)
    }

    /// The rule's pattern: the archive's, and nothing that was replayed. Source: EventBridge User Guide, "Archives".
    pub fn rule_pattern(&self) -> String {
        let own = self.pattern.as_deref().and_then(|pattern| serde_json::from_str(pattern).ok());
        let mut pattern: Map<String, Value> = own.unwrap_or_default();
        pattern.insert("replay-name".to_owned(), json!([{"exists": false}]));
        Value::Object(pattern).to_string()
    }
}

impl ArchiveSize {
    pub fn key_of(archive: Uuid) -> Key {
        Key::of(archive.to_string())
    }
}

impl Archived {
    /// Index by the time of coming in.
    pub const AGE: &str = "age";

    pub fn of(archive: Uuid) -> Key {
        Key::of(archive.to_string())
    }

    pub fn key_of(archive: Uuid, position: &Position) -> Key {
        let Position { at, ingested, topic, seq } = position;
        Self::of(archive).and_i64(at.as_millis()).and_i64(ingested.as_millis()).and(topic).and_u64(*seq)
    }
}

impl Record for Archive {
    const KIND: &'static str = "eventbridge/archive";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }
}

impl Record for ArchiveSize {
    const KIND: &'static str = "eventbridge/archive-size";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.archive)
    }
}

impl Record for Archived {
    const KIND: &'static str = "eventbridge/archived-event";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.archive, &self.position)
    }

    fn indexes(&self) -> Vec<Index> {
        let age = Self::of(self.archive).and_i64(self.position.ingested.as_millis());
        vec![Index::new(Self::AGE, age)]
    }
}
