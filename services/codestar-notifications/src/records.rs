//! What CodeStar Notifications stores. Apart from the shapes of the API, and versioned.

use std::collections::BTreeMap;

use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, ReadTx, Record, Versioned};

/// A notification rule. Key: account, region, id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// 40 hexadecimal digits.
    pub id: String,
    pub scope: Scope,
    pub name: String,
    /// The ARN of what it is about.
    pub resource: String,
    pub event_type_ids: Vec<String>,
    pub targets: Vec<TargetName>,
    pub detail: Detail,
    pub enabled: bool,
    /// The ARN of who made it.
    pub created_by: String,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub tags: BTreeMap<String, String>,
    /// The client's token of the call that made it, and the hash of what it asked for.
    pub request: Option<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetName {
    /// `SNS`
    pub kind: String,
    pub address: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detail {
    Basic,
    Full,
}

impl Rule {
    pub const RESOURCE: &str = "resource";
    pub const NAME: &str = "name";
    pub const TARGET: &str = "target";
    pub const TOKEN: &str = "token";

    pub fn key_of(scope: &Scope, id: &str) -> Key {
        Self::in_scope(scope).and(id)
    }

    /// The prefix of all rules of a scope, and of the index keys of a scope.
    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn arn(&self) -> String {
        self.scope.arn("codestar-notifications", format!("notificationrule/{}", self.id)).to_string()
    }

    /// The first rule of an index key.
    pub fn first(tx: &mut ReadTx<'_>, index: &str, key: Key) -> Result<Option<Self>, store::Error> {
        Ok(tx.scan_index::<Self>(index, key, 1)?.into_records().pop())
    }
}

impl Record for Rule {
    const KIND: &'static str = "codestar-notifications/rule";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.id)
    }

    fn indexes(&self) -> Vec<Index> {
        let here = || Self::in_scope(&self.scope);
        let mut indexes = vec![
            Index::new(Self::RESOURCE, Key::of(&self.resource)),
            Index::new(Self::NAME, here().and(&self.name)),
        ];
        let targets = self.targets.iter();
        indexes.extend(targets.map(|target| Index::new(Self::TARGET, here().and(&target.address))));
        if let Some((token, _)) = &self.request {
            indexes.push(Index::new(Self::TOKEN, here().and(token)));
        }
        indexes
    }
}

/// How a target that a rule has, or had, was reached last. Key: account, region, address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub scope: Scope,
    pub name: TargetName,
    pub status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Nothing was published to it yet.
    Pending,
    Active,
    Unreachable,
}

impl Target {
    pub fn key_of(scope: &Scope, address: &str) -> Key {
        Rule::in_scope(scope).and(address)
    }

    pub fn find(tx: &mut ReadTx<'_>, scope: &Scope, name: &TargetName) -> Result<Self, store::Error> {
        let found = tx.get::<Self>(&Self::key_of(scope, &name.address))?.map(Versioned::into_inner);
        Ok(found.unwrap_or_else(|| Self {
            scope: scope.clone(),
            name: name.clone(),
            status: Status::Pending,
        }))
    }
}

impl Record for Target {
    const KIND: &'static str = "codestar-notifications/target";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name.address)
    }
}

/// The last event that the rules have decided about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TakenIn {
    pub seq: u64,
}

impl TakenIn {
    pub fn the_key() -> Key {
        Key::of("events")
    }
}

impl Record for TakenIn {
    const KIND: &'static str = "codestar-notifications/taken-in";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::the_key()
    }
}
