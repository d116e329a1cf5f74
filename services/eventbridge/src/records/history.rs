use aws::{Event, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

/// An event as one bus got it, and the rules that matched. Key: topic, number in it. Kept for a while, see [`TakenIn`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    pub topic: String,
    pub seq: u64,
    pub scope: Scope,
    pub bus: String,
    pub event: Event,
    /// When it was published.
    pub ingested: Timestamp,
    /// When the rules decided.
    pub judged: Timestamp,
    /// The rules whose targets get it, by name.
    pub matched: Vec<Matched>,
    /// The schedule that made it: it is for that rule alone.
    pub scheduled_by: Option<Uuid>,
    /// Of the event, about.
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    pub rule: Uuid,
    pub name: String,
}

/// What becomes of an event for one target of one rule. Key: topic, number in it, rule, target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// The same each time it is tried: targets know by it what they did already.
    pub id: Uuid,
    pub topic: String,
    pub seq: u64,
    pub scope: Scope,
    pub bus: String,
    pub rule: Uuid,
    pub rule_name: String,
    pub target_id: String,
    pub target_arn: String,
    /// Deliveries of one lane are made one after the other.
    pub lane: String,
    /// While it is pending.
    pub event: Option<Event>,
    pub ingested: Timestamp,
    /// How many buses have passed it on.
    pub hops: u32,
    /// It is on the bus that is its target: noted in the transaction that put it there.
    #[serde(default)]
    pub passed_on: bool,
    pub status: Status,
    pub attempts: u32,
    /// Of the last attempt that failed.
    pub trouble: Option<Trouble>,
    /// What became of its dead letter: if it failed, and its target has a dead-letter queue.
    #[serde(default)]
    pub dead_letter: Option<DeadLetter>,
    pub changed: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Pending,
    /// With what the target made of it, for example an execution's id.
    Succeeded(Option<String>),
    /// With the condition that ended the retries, if it was retried.
    Failed(Option<String>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// AWS's error codes of dead letters, for example `NO_PERMISSIONS`.
    pub code: String,
    pub message: String,
}

/// What became of an event for the dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub queue_arn: String,
    /// The id of the message. Or why there is none.
    pub sent: Result<String, Trouble>,
}

/// How far a topic has been read, and how much of it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TakenIn {
    pub topic: String,
    pub seq: u64,
    pub kept: u64,
    pub kept_bytes: u64,
}

impl Observed {
    pub const EVENT: &str = "event";

    pub fn key_of(topic: &str, seq: u64) -> Key {
        Key::of(topic).and_u64(seq)
    }

    /// The index key of an event: one for each bus that got it.
    pub fn with_event_id(scope: &Scope, id: &str) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str()).and(id)
    }
}

impl Record for Observed {
    const KIND: &'static str = "eventbridge/observed-event";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.topic, self.seq)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new(Self::EVENT, Self::with_event_id(&self.scope, &self.event.id))]
    }
}

impl Delivery {
    pub const LANE: &str = "lane";

    /// The prefix of all deliveries of an observed event.
    pub fn of_event(topic: &str, seq: u64) -> Key {
        Observed::key_of(topic, seq)
    }
}

impl Record for Delivery {
    const KIND: &'static str = "eventbridge/delivery";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::of_event(&self.topic, self.seq).and(self.rule.to_string()).and(&self.target_id)
    }

    /// Those that are pending are found by their lane, in order.
    fn indexes(&self) -> Vec<Index> {
        let index = || Index::new(Self::LANE, Key::of(&self.lane).and_u64(self.seq));
        if self.status == Status::Pending { vec![index()] } else { Vec::new() }
    }
}

impl TakenIn {
    pub fn key_of(topic: &str) -> Key {
        Key::of(topic)
    }
}

impl Record for TakenIn {
    const KIND: &'static str = "eventbridge/taken-in";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.topic)
    }
}
