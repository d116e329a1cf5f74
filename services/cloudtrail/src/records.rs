//! What is kept of each call.

mod v1 {
    use aws::{Scope, Timestamp};
    use serde::{Deserialize, Serialize};
    use store::{Index, Key, Record};

    /// One record, with what it is found by.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Entry {
        pub scope: Scope,
        pub event_id: String,
        pub at: Timestamp,
        pub event_name: String,
        pub event_source: String,
        pub read_only: bool,
        pub user_name: Option<String>,
        pub access_key_id: Option<String>,
        pub resources: Vec<String>,
        /// Data events (S3 objects) are kept, but LookupEvents does not show them.
        pub is_management: bool,
        /// The whole record as JSON.
        pub event: serde_json::Value,
    }

    impl Entry {
        /// Management events by time.
        pub const BY_TIME: &'static str = "time";
        /// Management events by an attribute's name and value, then by time.
        pub const BY_ATTRIBUTE: &'static str = "attribute";

        pub fn times(scope: &Scope) -> Key {
            Key::of(scope.account.as_str()).and(scope.region.as_str())
        }

        pub fn attribute(scope: &Scope, name: &str, value: &str) -> Key {
            Self::times(scope).and(name).and(value)
        }

        /// What LookupEvents finds the entry by.
        fn attributes(&self) -> Vec<(&'static str, &str)> {
            let mut attributes = vec![
                ("EventId", self.event_id.as_str()),
                ("EventName", self.event_name.as_str()),
                ("EventSource", self.event_source.as_str()),
                ("ReadOnly", if self.read_only { "true" } else { "false" }),
            ];
            attributes.extend(self.user_name.as_deref().map(|name| ("Username", name)));
            attributes.extend(self.access_key_id.as_deref().map(|id| ("AccessKeyId", id)));
            attributes.extend(self.resources.iter().map(|arn| ("ResourceName", arn.as_str())));
            attributes
        }
    }

    impl Record for Entry {
        const KIND: &'static str = "cloudtrail/event";
        const VERSION: u32 = 1;

        fn key(&self) -> Key {
            Key::of(&self.event_id)
        }

        fn indexes(&self) -> Vec<Index> {
            if !self.is_management {
                return Vec::new();
            }
            let at = self.at.as_millis();
            let mut indexes = vec![Index::new(Self::BY_TIME, Self::times(&self.scope).and_i64(at))];
            for (name, value) in self.attributes() {
                let key = Self::attribute(&self.scope, name, value).and_i64(at);
                indexes.push(Index::new(Self::BY_ATTRIBUTE, key));
            }
            indexes
        }
    }
}

pub use v1::*;
