use std::collections::BTreeMap;

use aws::{Scope, Timestamp};
use blob::Digest;
use serde::{Deserialize, Serialize};
use store::{Index, Key, ReadTx, Record, WriteTx};
use uuid::Uuid;

use crate::names::DomainName;

/// A domain: it owns the bytes of all its repositories. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// A domain that is deleted and made again is another one.
    pub id: Uuid,
    pub scope: Scope,
    pub name: String,
    pub created: Timestamp,
    pub tags: BTreeMap<String, String>,
    pub policy: Option<Policy>,
}

/// A permissions policy of a domain or repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Another one after each change.
    pub revision: String,
    pub document: String,
}

impl Domain {
    pub fn full_name(&self) -> DomainName {
        DomainName { scope: self.scope.clone(), name: self.name.clone() }
    }

    pub fn key_of(name: &DomainName) -> Key {
        Self::in_scope(&name.scope).and(&name.name)
    }

    /// The prefix of all domains of a scope.
    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }
}

impl Record for Domain {
    const KIND: &'static str = "codeartifact/domain";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::in_scope(&self.scope).and(&self.name)
    }
}

/// What a domain holds; apart from it, as it changes with every publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub domain: Uuid,
    pub repositories: u64,
    /// Each distinct content counts once.
    pub asset_bytes: u64,
}

impl Usage {
    pub fn of(tx: &mut ReadTx<'_>, domain: Uuid) -> Result<Self, store::Error> {
        let found = tx.get::<Self>(&Self::key_of(domain))?.map(store::Versioned::into_inner);
        Ok(found.unwrap_or(Self { domain, repositories: 0, asset_bytes: 0 }))
    }

    /// Changes it in the transaction that changes what it counts.
    pub fn change(
        tx: &mut WriteTx<'_>,
        domain: Uuid,
        change: impl FnOnce(&mut Self),
    ) -> Result<(), store::Error> {
        let mut usage = Self::of(tx, domain)?;
        change(&mut usage);
        tx.put(&usage)?;
        Ok(())
    }

    pub fn key_of(domain: Uuid) -> Key {
        Key::of(domain.to_string())
    }
}

impl Record for Usage {
    const KIND: &'static str = "codeartifact/usage";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.domain)
    }
}

/// Content that assets of a domain have: the record that names its blob. Key: domain, digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainBlob {
    pub domain: Uuid,
    pub blob: Digest,
    /// In bytes.
    pub size: u64,
    /// How many assets of package versions have it; at least one.
    pub assets: u64,
}

impl DomainBlob {
    /// The index of blobs in use, by blob.
    pub const BLOB: &'static str = "blob";

    pub fn key_of(domain: Uuid, blob: Digest) -> Key {
        Key::of(domain.to_string()).and(blob.to_string())
    }
}

impl Record for DomainBlob {
    const KIND: &'static str = "codeartifact/content";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.domain, self.blob)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new(Self::BLOB, Key::of(self.blob.to_string()))]
    }
}
