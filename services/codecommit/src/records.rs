//! What is stored of repositories and their references.

mod v1 {
    use std::collections::BTreeMap;

    use aws::{AccountId, Arn, Region, Scope, Timestamp};
    use serde::{Deserialize, Serialize};
    use store::{Index, Key, Record};

    /// A repository. Its git folder and its references go by the id, so that its name may change.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Repository {
        pub id: String,
        pub account: AccountId,
        pub region: Region,
        pub name: String,
        pub description: Option<String>,
        /// The short name, `main`. Set by the first branch that comes in.
        pub default_branch: Option<String>,
        pub tags: BTreeMap<String, String>,
        pub created_at: Timestamp,
        pub modified_at: Timestamp,
        /// Grows by one with each transaction that changes references or the default branch.
        pub generation: u64,
    }

    /// A reference of a repository.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Reference {
        pub repository: String,
        /// The full name, `refs/heads/main`.
        pub name: String,
        /// The object that it names, 40 hex digits.
        pub target: String,
        /// The commit that the target leads to; differs from it for annotated tags, absent for other objects.
        pub commit: Option<String>,
    }

    impl Repository {
        /// Finds a repository by its id alone.
        pub const BY_ID: &str = "id";
        /// Orders a region's repositories by when they changed.
        pub const BY_MODIFICATION: &str = "modified";
        /// Finds an account's repositories of a name in all regions.
        pub const BY_NAME: &str = "name";

        pub fn key_of(scope: &Scope, name: &str) -> Key {
            Self::region_key(scope).and(name)
        }

        /// The prefix of all keys of a region, and of its entries in the index by modification.
        pub fn region_key(scope: &Scope) -> Key {
            Key::of(scope.account.as_str()).and(scope.region.as_str())
        }

        pub fn scope(&self) -> Scope {
            Scope::new(self.account.clone(), self.region.clone())
        }

        pub fn arn(&self) -> Arn {
            self.scope().arn("codecommit", &self.name)
        }
    }

    impl Record for Repository {
        const KIND: &'static str = "codecommit/repository";
        const VERSION: u32 = 1;

        fn key(&self) -> Key {
            Self::key_of(&self.scope(), &self.name)
        }

        fn indexes(&self) -> Vec<Index> {
            let modified = Self::region_key(&self.scope()).and_i64(self.modified_at.as_millis());
            vec![
                Index::new(Self::BY_ID, Key::of(&self.id)),
                Index::new(Self::BY_MODIFICATION, modified),
                Index::new(Self::BY_NAME, Key::of(self.account.as_str()).and(&self.name)),
            ]
        }
    }

    impl Reference {
        /// Part by part, so that the keys below `refs/heads/a` are those of branches `a` and `a/…` and no others.
        pub fn key_of(repository: &str, name: &str) -> Key {
            name.split('/').fold(Key::of(repository), Key::and)
        }
    }

    impl Record for Reference {
        const KIND: &'static str = "codecommit/reference";
        const VERSION: u32 = 1;

        fn key(&self) -> Key {
            Self::key_of(&self.repository, &self.name)
        }
    }
}

pub use v1::*;

#[cfg(test)]
mod tests {
    use store::Record;

    use super::*;

    #[test]
    fn stored_forms_of_version_1_are_read() {
        assert_eq!((Repository::VERSION, Reference::VERSION), (1, 1));
        let repository: Repository = serde_json::from_str(
            r#"{"id":"8a1f","account":"123456789012","region":"us-east-1","name":"demo","description":null,
                "default_branch":"main","tags":{"team":"a"},"created_at":1700000000000,
                "modified_at":1700000000001,"generation":3}"#,
        )
        .unwrap();
        assert_eq!(repository.arn().to_string(), "arn:aws:codecommit:us-east-1:123456789012:demo");
        let reference: Reference = serde_json::from_str(
            r#"{"repository":"8a1f","name":"refs/heads/main","target":"11","commit":"11"}"#,
        )
        .unwrap();
        assert_eq!(reference.key(), store::Key::of("8a1f").and("refs").and("heads").and("main"));
    }
}
