use std::collections::{BTreeMap, BTreeSet};

use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use crate::groups::Pattern;

/// A group of packages of a domain. Key: domain, pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub domain: Uuid,
    pub pattern: Pattern,
    pub description: Option<String>,
    pub contact_info: Option<String>,
    pub created: Timestamp,
    pub tags: BTreeMap<String, String>,
    pub rules: Rules,
}

/// From where versions of the packages of a group may come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    pub publish: Rule,
    pub external_upstream: Rule,
    pub internal_upstream: Rule,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub mode: Mode,
    /// The repositories that are admitted in mode `AllowSpecificRepositories`.
    pub repositories: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    Allow,
    AllowSpecificRepositories,
    Block,
    #[default]
    Inherit,
}

impl Group {
    /// The index of groups by what their patterns look like.
    pub const BY_LOOKS: &'static str = "looks";

    pub fn key_of(domain: Uuid, pattern: &str) -> Key {
        Self::all_of(domain).and(pattern)
    }

    /// The prefix of all groups of a domain.
    pub fn all_of(domain: Uuid) -> Key {
        Key::of(domain.to_string())
    }

    /// That of all packages, as every domain has it from the beginning.
    pub fn root(domain: Uuid, created: Timestamp) -> Self {
        let allow = || Rule { mode: Mode::Allow, repositories: BTreeSet::new() };
        Self {
            domain,
            pattern: Pattern::Root,
            description: None,
            contact_info: None,
            created,
            tags: BTreeMap::new(),
            rules: Rules { publish: allow(), external_upstream: allow(), internal_upstream: allow() },
        }
    }
}

impl Record for Group {
    const KIND: &'static str = "codeartifact/group";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.domain, &self.pattern.to_string())
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new(Self::BY_LOOKS, Self::all_of(self.domain).and(self.pattern.looks()))]
    }
}
