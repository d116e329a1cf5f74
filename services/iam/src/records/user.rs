use aws::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

use super::{BY_ID, Entity, Policies, Tag, iam_arn, named};
use crate::policy::PolicySource;

pub use v1::*;

mod v1 {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct User {
        pub account: AccountId,
        pub name: String,
        pub path: String,
        /// AIDA…
        pub id: String,
        pub created_at: Timestamp,
        /// Ids of its groups, so that renaming a group touches no user.
        pub groups: Vec<String>,
        pub policies: Policies,
        pub tags: Vec<Tag>,
    }
}

impl User {
    /// Index of users by the id of each of their groups.
    pub const BY_GROUP: &str = "group";
}

impl Record for User {
    const KIND: &'static str = "iam/user";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        named(&self.account, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let mut indexes = self.policies.indexes(&self.account);
        indexes.push(Index::new(BY_ID, Key::of(&self.id)));
        indexes.extend(self.groups.iter().map(|group| Index::new(Self::BY_GROUP, Key::of(group))));
        indexes
    }
}

impl Entity for User {
    const NOUN: &'static str = "user";
    const SOURCE: PolicySource = PolicySource::User;
    const INLINE_SIZE: usize = 2_048;
    const ATTACHED_QUOTA: &'static str = "PoliciesPerUser";

    fn name(&self) -> &str {
        &self.name
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn arn(&self) -> String {
        iam_arn(self.account.as_str(), format_args!("user{}{}", self.path, self.name))
    }

    fn policies(&self) -> &Policies {
        &self.policies
    }

    fn policies_mut(&mut self) -> &mut Policies {
        &mut self.policies
    }

    fn tags(&self) -> &[Tag] {
        &self.tags
    }
}
