use std::collections::BTreeMap;

use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

use crate::names::TopicName;

/// A topic. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// A topic that is deleted and made again is another one, without the subscriptions of the first.
    pub id: Uuid,
    pub scope: Scope,
    pub name: String,
    pub display_name: String,
    /// `None`: the default policy, which lets the owner's account in.
    pub policy: Option<String>,
    /// As it was given.
    pub delivery_policy: Option<String>,
    /// 1 or 2.
    pub signature_version: u8,
    pub tags: BTreeMap<String, String>,
    pub created: Timestamp,
}

impl Topic {
    pub fn key_of(name: &TopicName) -> Key {
        Self::in_scope(&name.scope).and(&name.name)
    }

    /// The prefix of all topics of a scope.
    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn topic_name(&self) -> TopicName {
        TopicName { scope: self.scope.clone(), name: self.name.clone() }
    }

    pub fn arn(&self) -> String {
        self.topic_name().arn()
    }

    pub fn policy_text(&self) -> String {
        self.policy.clone().unwrap_or_else(|| crate::policy::default(&self.scope, &self.arn()).to_string())
    }
}

impl Record for Topic {
    const KIND: &'static str = "sns/topic";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.topic_name())
    }
}
