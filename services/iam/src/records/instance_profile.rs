use aws::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

use super::{Tag, iam_arn, named};

pub use v1::*;

mod v1 {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct InstanceProfile {
        pub account: AccountId,
        pub name: String,
        pub path: String,
        /// AIPA…
        pub id: String,
        pub created_at: Timestamp,
        /// The name of its role.
        pub role: Option<String>,
        pub tags: Vec<Tag>,
    }
}

impl InstanceProfile {
    pub const NOUN: &str = "Instance Profile";
    /// Index by the key of the role.
    pub const BY_ROLE: &str = "role";

    pub fn arn(&self) -> String {
        iam_arn(self.account.as_str(), format_args!("instance-profile{}{}", self.path, self.name))
    }
}

impl Record for InstanceProfile {
    const KIND: &'static str = "iam/instance-profile";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        named(&self.account, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        self.role.iter().map(|role| Index::new(Self::BY_ROLE, named(&self.account, role))).collect()
    }
}
