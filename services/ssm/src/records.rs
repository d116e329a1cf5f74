//! What is stored: parameters, and their versions apart.

use std::collections::BTreeMap;

use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, ReadTx, Record};
use uuid::Uuid;

use crate::error::Error;
use crate::names::{self, Reference, Selector};

/// A parameter. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    pub scope: Scope,
    pub name: String,
    /// Its own, not that of another parameter that had the name before.
    pub id: Uuid,
    pub kind: Kind,
    /// The number of the version that counts. The others that are kept come right before it.
    pub latest: u64,
    /// Label to number of version.
    pub labels: BTreeMap<String, u64>,
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    String,
    StringList,
    SecureString,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tier {
    Standard,
    Advanced,
}

/// One version of a parameter. Key: the parameter's id, number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub parameter: Uuid,
    /// From 1.
    pub number: u64,
    /// Sealed for [`Version::purpose`] if the parameter is a `SecureString`.
    pub value: String,
    pub description: Option<String>,
    pub allowed_pattern: Option<String>,
    pub tier: Tier,
    pub modified: Timestamp,
    /// The ARN of who put it.
    pub modified_by: String,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::StringList => "StringList",
            Self::SecureString => "SecureString",
        }
    }
}

impl Tier {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::Advanced => "Advanced",
        }
    }
}

impl Parameter {
    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn key_of(scope: &Scope, name: &str) -> Key {
        Self::in_scope(scope).and(name)
    }

    pub fn find(tx: &mut ReadTx<'_>, scope: &Scope, name: &str) -> Result<Option<Self>, store::Error> {
        Ok(tx.get(&Self::key_of(scope, name))?.map(store::Versioned::into_inner))
    }

    /// The parameter that a call means, whatever its selector.
    pub fn meant(
        tx: &mut ReadTx<'_>,
        scope: &Scope,
        reference: &Reference,
    ) -> Result<Option<Self>, store::Error> {
        let found = Self::find(tx, scope, &reference.name)?;
        if found.is_none() && reference.is_arn {
            return Self::find(tx, scope, &format!("/{}", reference.name));
        }
        Ok(found)
    }

    pub fn arn(&self) -> String {
        names::arn_of(&self.scope, &self.name).to_string()
    }

    /// One of the versions that are kept. Errors: `VersionNotFound`.
    pub fn version(&self, tx: &mut ReadTx<'_>, number: u64) -> Result<Version, Error> {
        self.selected(tx, Some(&Selector::Version(number)))
    }

    /// The version that a selector means; the latest if there is none. Errors: `VersionNotFound`.
    pub fn selected(&self, tx: &mut ReadTx<'_>, selector: Option<&Selector>) -> Result<Version, Error> {
        let number = match selector {
            None => Some(self.latest),
            Some(Selector::Version(number)) => Some(*number),
            Some(Selector::Label(label)) => self.labels.get(label).copied(),
        };
        let found = match number {
            Some(number) => tx.get::<Version>(&Version::key_of(self.id, number))?,
            None => None,
        };
        found.map(store::Versioned::into_inner).ok_or_else(|| Error::VersionNotFound {
            name: self.name.clone(),
            selector: selector.map(Selector::described).unwrap_or_default(),
        })
    }

    pub fn labels_of(&self, number: u64) -> Vec<String> {
        self.labels.iter().filter(|(_, of)| **of == number).map(|(label, _)| label.clone()).collect()
    }
}

impl Record for Parameter {
    const KIND: &'static str = "ssm/parameter";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }
}

impl Version {
    pub fn all_of(parameter: Uuid) -> Key {
        Key::of(parameter.simple().to_string())
    }

    pub fn key_of(parameter: Uuid, number: u64) -> Key {
        Self::all_of(parameter).and_u64(number)
    }

    /// What its value is sealed for.
    pub fn purpose(parameter: Uuid, number: u64) -> String {
        format!("ssm-parameter/{parameter}/{number}")
    }
}

impl Record for Version {
    const KIND: &'static str = "ssm/version";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.parameter, self.number)
    }
}
