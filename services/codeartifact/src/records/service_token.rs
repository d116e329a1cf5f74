use std::collections::BTreeSet;

use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

/// A token with which machines act as a role in one repository. Key: domain, id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceToken {
    pub id: Uuid,
    pub domain: Uuid,
    pub repository: Uuid,
    pub repository_name: String,
    pub role_arn: String,
    pub permissions: BTreeSet<TokenPermission>,
    pub description: Option<String>,
    /// The ARN of who made it.
    pub created_by: String,
    pub created: Timestamp,
    /// `None`: only when it is revoked.
    pub expires: Option<Timestamp>,
    /// To the hour.
    pub last_used: Option<Timestamp>,
    /// The SHA-256 of the secret part, in hexadecimal digits: the token itself is not kept.
    pub secret_hash: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TokenPermission {
    Read,
    Publish,
}

impl TokenPermission {
    /// As in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Publish => "PUBLISH",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Read, Self::Publish].into_iter().find(|permission| permission.as_str() == text)
    }
}

impl ServiceToken {
    pub fn key_of(domain: Uuid, id: Uuid) -> Key {
        Self::all_of(domain).and(id.to_string())
    }

    /// The prefix of all tokens of a domain.
    pub fn all_of(domain: Uuid) -> Key {
        Key::of(domain.to_string())
    }
}

impl Record for ServiceToken {
    const KIND: &'static str = "codeartifact/service-token";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.domain, self.id)
    }
}
