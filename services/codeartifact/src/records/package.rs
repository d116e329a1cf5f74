use std::collections::BTreeMap;

use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use super::Repository;
use crate::names::Coordinates;

/// A package in a repository. Key: repository, format, namespace, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Package {
    pub repository: Uuid,
    /// That of the repository.
    pub domain: Uuid,
    pub coordinates: Coordinates,
    pub restrictions: Restrictions,
    /// Names for versions, of npm: `latest` → `1.0.0`.
    pub tags: BTreeMap<String, String>,
    /// That of the last event about it.
    pub sequence: u64,
    pub created: Timestamp,
    /// Of the documents that clients of Maven put last, the newest at the end: they put the checksums of them afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Checksums>,
}

/// In hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksums {
    pub md5: String,
    pub sha1: String,
    pub sha256: String,
    pub sha512: String,
}

/// From where versions may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restrictions {
    pub publish: Permission,
    pub upstream: Permission,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Permission {
    Allow,
    Block,
}

impl Restrictions {
    /// Of a package whose first version was published into the repository: nobody outside can add versions to it.
    /// Source: CodeArtifact User Guide, "Editing package origin controls", default values.
    pub const PUBLISHED: Self = Self { publish: Permission::Allow, upstream: Permission::Block };
    /// Of a package whose group decides.
    pub const OPEN: Self = Self { publish: Permission::Allow, upstream: Permission::Allow };
    /// Of a package whose first version came from an upstream repository or from outside.
    pub const RETAINED: Self = Self { publish: Permission::Block, upstream: Permission::Allow };
    pub const ALL: [Self; 4] = [
        Self::PUBLISHED,
        Self::OPEN,
        Self::RETAINED,
        Self { publish: Permission::Block, upstream: Permission::Block },
    ];

    /// In the keys of indexes.
    fn code(self) -> &'static str {
        match (self.publish, self.upstream) {
            (Permission::Allow, Permission::Allow) => "AA",
            (Permission::Allow, Permission::Block) => "AB",
            (Permission::Block, Permission::Allow) => "BA",
            (Permission::Block, Permission::Block) => "BB",
        }
    }
}

impl Package {
    /// The index of packages by restrictions, format, namespace and name.
    pub const BY_PLACE: &'static str = "place";
    /// The index of packages by restrictions and name, over all formats.
    pub const BY_NAME: &'static str = "restricted-name";
    /// The index of packages by restrictions, format and name, over all namespaces.
    pub const BY_FORMAT: &'static str = "restricted-format";
    /// The index of packages of all repositories of a domain.
    pub const BY_DOMAIN: &'static str = "domain";

    pub fn new(
        repository: &Repository,
        coordinates: &Coordinates,
        restrictions: Restrictions,
        at: Timestamp,
    ) -> Self {
        Self {
            repository: repository.id,
            domain: repository.domain_id,
            coordinates: coordinates.clone(),
            restrictions,
            tags: BTreeMap::new(),
            sequence: 0,
            created: at,
            documents: Vec::new(),
        }
    }

    pub fn key_of(repository: Uuid, coordinates: &Coordinates) -> Key {
        Self::of_format(repository, coordinates).and(&coordinates.namespace).and(&coordinates.name)
    }

    /// The prefix of all packages of a repository.
    pub fn all_of(repository: Uuid) -> Key {
        Key::of(repository.to_string())
    }

    /// The prefix of what the indexes have of a repository's packages with these restrictions.
    pub fn restricted(repository: Uuid, restrictions: Restrictions) -> Key {
        Self::all_of(repository).and(restrictions.code())
    }

    fn of_format(repository: Uuid, coordinates: &Coordinates) -> Key {
        Self::all_of(repository).and(coordinates.format.as_str())
    }
}

impl Record for Package {
    const KIND: &'static str = "codeartifact/package";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.repository, &self.coordinates)
    }

    fn indexes(&self) -> Vec<Index> {
        let Coordinates { format, namespace, name } = &self.coordinates;
        let place = || Self::restricted(self.repository, self.restrictions);
        let of_domain = Key::of(self.domain.to_string()).and(format.as_str()).and(namespace).and(name);
        vec![
            Index::new(Self::BY_DOMAIN, of_domain),
            Index::new(Self::BY_PLACE, place().and(format.as_str()).and(namespace).and(name)),
            Index::new(Self::BY_NAME, place().and(name).and(format.as_str()).and(namespace)),
            Index::new(Self::BY_FORMAT, place().and(format.as_str()).and(name).and(namespace)),
        ]
    }
}
