use aws::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Record};

use super::{Tag, iam_arn, named};

pub use v1::*;

mod v1 {
    use super::*;

    /// A customer's managed policy.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct ManagedPolicy {
        pub account: AccountId,
        pub name: String,
        pub path: String,
        /// ANPA…
        pub id: String,
        pub description: Option<String>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
        /// Invariant: not empty, ascending by number, at most five.
        pub versions: Vec<PolicyVersion>,
        pub default_version: u32,
        /// Numbers are never used twice.
        pub next_version: u32,
        pub tags: Vec<Tag>,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct PolicyVersion {
        pub number: u32,
        pub document: String,
        pub created_at: Timestamp,
    }
}

impl ManagedPolicy {
    pub fn arn(&self) -> String {
        iam_arn(self.account.as_str(), format_args!("policy{}{}", self.path, self.name))
    }

    pub fn version(&self, number: u32) -> Option<&PolicyVersion> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// The document of the default version.
    pub fn document(&self) -> Option<&str> {
        self.version(self.default_version).map(|version| version.document.as_str())
    }
}

impl PolicyVersion {
    /// `v3`
    pub fn id(&self) -> String {
        format!("v{}", self.number)
    }
}

impl Record for ManagedPolicy {
    const KIND: &'static str = "iam/policy";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        named(&self.account, &self.name)
    }
}
