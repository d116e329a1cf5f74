use aws::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

pub use v1::*;

mod v1 {
    use super::*;

    /// A user's long-term access key.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct AccessKey {
        /// AKIA…
        pub id: String,
        pub account: AccountId,
        pub user_id: String,
        pub sealed_secret: String,
        pub active: bool,
        pub created_at: Timestamp,
        pub last_used: Option<LastUse>,
    }

    /// Kept to the minute.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct LastUse {
        pub at: Timestamp,
        /// `codepipeline`
        pub service: String,
        pub region: String,
    }
}

impl AccessKey {
    pub const BY_USER: &str = "user";

    pub fn key_of(id: &str) -> Key {
        Key::of(id)
    }

    /// What its secret is sealed for.
    pub fn purpose(id: &str) -> String {
        format!("access-key/{id}")
    }
}

impl Record for AccessKey {
    const KIND: &'static str = "iam/access-key";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.id)
    }

    fn indexes(&self) -> Vec<Index> {
        let by_age = Key::of(&self.user_id).and_i64(self.created_at.as_millis());
        vec![Index::new(Self::BY_USER, by_age)]
    }
}
