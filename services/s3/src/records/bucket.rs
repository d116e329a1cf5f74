//! Buckets and their settings.

use std::collections::BTreeMap;
use std::fmt;

use aws::{AccountId, Arn, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

/// A bucket. Names are unique over all accounts and regions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    pub name: String,
    /// The owner's account and the bucket's region.
    pub scope: Scope,
    pub created_at: Timestamp,
    pub versioning: Versioning,
    /// The bucket policy, a JSON document.
    pub policy: Option<String>,
    /// The other settings, each as the XML document that configured it.
    pub settings: BTreeMap<Setting, String>,
}

/// Once it was enabled, versioning can only be suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versioning {
    #[default]
    Off,
    Enabled,
    Suspended,
}

/// The settings that are kept as documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    Encryption,
    Lifecycle,
    Cors,
    PublicAccessBlock,
    OwnershipControls,
    Notification,
    Tagging,
}

impl Bucket {
    pub fn key_of(name: &str) -> Key {
        Key::of(name)
    }

    /// The range of the index [`Bucket::BY_OWNER`] that holds an account's buckets, in order of their names.
    pub fn owned_by(account: &AccountId) -> Key {
        Key::of(account.as_str())
    }

    pub const BY_OWNER: &'static str = "owner";

    pub fn arn(&self) -> String {
        bucket_arn(&self.scope.partition, &self.name)
    }
}

/// The ARN of a bucket: without region and account, as names are unique without them.
pub fn bucket_arn(partition: &str, name: &str) -> String {
    let arn = Arn {
        partition: partition.to_owned(),
        service: "s3".to_owned(),
        region: String::new(),
        account: String::new(),
        resource: name.to_owned(),
    };
    arn.to_string()
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encryption => "encryption",
            Self::Lifecycle => "lifecycle",
            Self::Cors => "cors",
            Self::PublicAccessBlock => "publicAccessBlock",
            Self::OwnershipControls => "ownershipControls",
            Self::Notification => "notification",
            Self::Tagging => "tagging",
        })
    }
}

impl Record for Bucket {
    const KIND: &'static str = "s3/bucket";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let owner = self.scope.account.as_str();
        vec![Index::new(Self::BY_OWNER, Key::of(owner).and(&self.name))]
    }
}
