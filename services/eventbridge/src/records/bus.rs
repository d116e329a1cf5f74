use std::collections::BTreeMap;

use aws::{Scope, Timestamp};
use events_model::DeadLetterConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Key, ReadTx, Record, WriteTx};

/// The bus that every account and region has, and that services publish to.
pub const DEFAULT_BUS: &str = "default";

/// An event bus by name. Key: account, region, name. The default bus is there without a record of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bus {
    pub scope: Scope,
    pub name: String,
    pub description: Option<String>,
    /// The statements of its policy.
    pub statements: Vec<Value>,
    pub tags: BTreeMap<String, String>,
    /// The queue for events that the bus cannot decrypt.
    #[serde(default)]
    pub dead_letter_arn: Option<String>,
    /// `None` for the default bus, which nobody made.
    pub created: Option<Timestamp>,
    pub updated: Option<Timestamp>,
}

impl Bus {
    pub fn new(scope: &Scope, name: &str) -> Self {
        Self {
            scope: scope.clone(),
            name: name.to_owned(),
            description: None,
            statements: Vec::new(),
            tags: BTreeMap::new(),
            dead_letter_arn: None,
            created: None,
            updated: None,
        }
    }

    /// The bus; `None` if there is none of this name.
    pub fn find(tx: &mut ReadTx<'_>, scope: &Scope, name: &str) -> Result<Option<Self>, store::Error> {
        let found = tx.get::<Self>(&Self::key_of(scope, name))?.map(store::Versioned::into_inner);
        Ok(found.or_else(|| (name == DEFAULT_BUS).then(|| Self::new(scope, name))))
    }

    pub fn key_of(scope: &Scope, name: &str) -> Key {
        Self::in_scope(scope).and(name)
    }

    /// The prefix of all buses of a scope.
    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn arn(&self) -> String {
        Self::arn_of(&self.scope, &self.name)
    }

    pub fn arn_of(scope: &Scope, name: &str) -> String {
        scope.arn("events", format!("event-bus/{name}")).to_string()
    }

    /// As the API shows the queue.
    pub fn dead_letter_config(&self) -> Option<DeadLetterConfig> {
        self.dead_letter_arn.clone().map(|arn| DeadLetterConfig { arn: Some(arn) })
    }

    /// The policy document; `None` without statements.
    pub fn policy(&self) -> Option<String> {
        let document = || json!({"Version": "2012-10-17", "Statement": self.statements}).to_string();
        (!self.statements.is_empty()).then(document)
    }
}

impl Record for Bus {
    const KIND: &'static str = "eventbridge/bus";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }
}

/// What changed in the rules of a bus: who keeps them in memory sees by it whether they are still the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BusChanges {
    pub scope: Scope,
    pub bus: String,
    /// Grows by one with each change of a rule.
    pub generation: u64,
    /// The rules that changed last, the newest last: the last of them made `generation`.
    pub recent: Vec<String>,
}

/// How many changes a reader may be behind before it reads all rules anew.
const RECENT: usize = 64;

impl BusChanges {
    pub fn key_of(scope: &Scope, bus: &str) -> Key {
        Bus::key_of(scope, bus)
    }

    /// Notes a change of a rule, in the transaction that makes it.
    pub fn note(tx: &mut WriteTx<'_>, scope: &Scope, bus: &str, rule: &str) -> Result<(), store::Error> {
        let known = tx.get::<Self>(&Self::key_of(scope, bus))?.map(store::Versioned::into_inner);
        let mut changes = known.unwrap_or_else(|| Self {
            scope: scope.clone(),
            bus: bus.to_owned(),
            generation: 0,
            recent: Vec::new(),
        });
        changes.generation += 1;
        if changes.recent.len() >= RECENT {
            changes.recent.remove(0);
        }
        changes.recent.push(rule.to_owned());
        tx.put(&changes)?;
        Ok(())
    }

    /// The rules that changed since a generation; `None` if that was too long ago to tell.
    pub fn since(&self, generation: u64) -> Option<&[String]> {
        let missed = usize::try_from(self.generation.checked_sub(generation)?).ok()?;
        self.recent.len().checked_sub(missed).and_then(|first| self.recent.get(first..))
    }
}

impl Record for BusChanges {
    const KIND: &'static str = "eventbridge/bus-changes";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.bus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_is_not_far_behind_learns_what_changed() {
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let recent = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let changes = BusChanges { scope, bus: "default".into(), generation: 70, recent };
        assert_eq!(changes.since(70), Some(&[][..]));
        assert_eq!(changes.since(68), Some(&["b".to_owned(), "c".to_owned()][..]));
        assert_eq!(changes.since(66), None);
        assert_eq!(changes.since(71), None, "a bus that was deleted and made again");
    }
}
