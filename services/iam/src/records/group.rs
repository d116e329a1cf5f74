use aws::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

use super::{BY_ID, Entity, Policies, Tag, iam_arn, named};
use crate::policy::PolicySource;

pub use v1::*;

mod v1 {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Group {
        pub account: AccountId,
        pub name: String,
        pub path: String,
        /// AGPA…
        pub id: String,
        pub created_at: Timestamp,
        pub policies: Policies,
    }
}

impl Record for Group {
    const KIND: &'static str = "iam/group";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        named(&self.account, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let mut indexes = self.policies.indexes(&self.account);
        indexes.push(Index::new(BY_ID, Key::of(&self.id)));
        indexes
    }
}

impl Entity for Group {
    const NOUN: &'static str = "group";
    const SOURCE: PolicySource = PolicySource::Group;
    const INLINE_SIZE: usize = 5_120;
    const ATTACHED_QUOTA: &'static str = "PoliciesPerGroup";

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
        iam_arn(self.account.as_str(), format_args!("group{}{}", self.path, self.name))
    }

    fn policies(&self) -> &Policies {
        &self.policies
    }

    fn policies_mut(&mut self) -> &mut Policies {
        &mut self.policies
    }

    fn tags(&self) -> &[Tag] {
        &[]
    }
}
