use std::collections::BTreeMap;

use aws::{AccountId, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use super::{Domain, Policy};
use crate::names::{DomainName, RepositoryName};

/// A repository, which holds packages of all formats. Key: that of its domain, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repository {
    /// A repository that is deleted and made again is another one: packages belong to this id.
    pub id: Uuid,
    /// The scope of its domain.
    pub scope: Scope,
    pub domain: String,
    pub domain_id: Uuid,
    pub name: String,
    /// The account that made it, which need not be the domain's.
    pub administrator: AccountId,
    pub description: Option<String>,
    /// Names of repositories of the domain, in the order in which they are searched.
    pub upstreams: Vec<String>,
    /// `public:npmjs`
    pub external_connection: Option<String>,
    pub created: Timestamp,
    pub tags: BTreeMap<String, String>,
    pub policy: Option<Policy>,
}

impl Repository {
    /// The index of all repositories of a scope, by name.
    pub const BY_NAME: &'static str = "name";
    /// The index of repositories by those that they have as upstream.
    pub const BY_UPSTREAM: &'static str = "upstream";

    pub fn domain_name(&self) -> DomainName {
        DomainName { scope: self.scope.clone(), name: self.domain.clone() }
    }

    pub fn full_name(&self) -> RepositoryName {
        RepositoryName { domain: self.domain_name(), name: self.name.clone() }
    }

    pub fn key_of(name: &RepositoryName) -> Key {
        Domain::key_of(&name.domain).and(&name.name)
    }
}

impl Record for Repository {
    const KIND: &'static str = "codeartifact/repository";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.full_name())
    }

    fn indexes(&self) -> Vec<Index> {
        let by_upstream = self
            .upstreams
            .iter()
            .map(|upstream| Index::new(Self::BY_UPSTREAM, Domain::key_of(&self.domain_name()).and(upstream)));
        let by_name = Index::new(Self::BY_NAME, Domain::in_scope(&self.scope).and(&self.name));
        by_upstream.chain([by_name]).collect()
    }
}
