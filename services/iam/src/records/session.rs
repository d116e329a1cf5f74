use aws::{Principal, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

pub use v1::*;

mod v1 {
    use super::*;

    /// Temporary credentials.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct SessionKey {
        /// ASIA…
        pub id: String,
        /// Secret and token, sealed together: both are needed at each use.
        pub sealed: String,
        pub principal: Principal,
        pub session: aws::Session,
        /// For GetFederationToken: the user whose permissions the session is cut from.
        pub federating_user_id: Option<String>,
    }
}

impl SessionKey {
    pub const BY_EXPIRY: &str = "expiry";

    pub fn key_of(id: &str) -> Key {
        Key::of(id)
    }

    /// What its secret and token are sealed for.
    pub fn purpose(id: &str) -> String {
        format!("session/{id}")
    }

    /// The index keys of all sessions that ended before `now`.
    pub fn ended_before(now: Timestamp) -> store::Range {
        store::Range::between(Key::empty(), Key::empty().and_i64(now.as_millis()))
    }
}

impl Record for SessionKey {
    const KIND: &'static str = "iam/session";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.id)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new(Self::BY_EXPIRY, Key::empty().and_i64(self.session.expires_at.as_millis()))]
    }
}
