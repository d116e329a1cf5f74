use aws::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

pub use v1::*;

mod v1 {
    use super::*;

    /// A git user name and password of an IAM user.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct ServiceCredential {
        /// ACCA…
        pub id: String,
        pub account: AccountId,
        pub user_id: String,
        /// `codecommit.amazonaws.com`
        pub service: String,
        /// `jane-at-123456789012`
        pub service_user_name: String,
        /// SHA-256 of the password, hexadecimal. The password has 256 random bits: no slower hash is needed.
        pub password_sha256: String,
        pub active: bool,
        pub created_at: Timestamp,
    }
}

impl ServiceCredential {
    pub const BY_USER: &str = "user";
    pub const BY_SERVICE_USER_NAME: &str = "service-user-name";

    pub fn key_of(id: &str) -> Key {
        Key::of(id)
    }
}

impl Record for ServiceCredential {
    const KIND: &'static str = "iam/service-credential";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.id)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![
            Index::new(Self::BY_USER, Key::of(&self.user_id).and_i64(self.created_at.as_millis())),
            Index::new(Self::BY_SERVICE_USER_NAME, Key::of(&self.service_user_name)),
        ]
    }
}
