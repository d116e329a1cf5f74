//! What is stored: a secret with its versions and their labels, and the sealed values apart.

use std::collections::{BTreeMap, BTreeSet};

use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, ReadTx, Record};
use uuid::Uuid;

use crate::error::Error;

/// The label of the version that a caller gets who asks for none.
pub const CURRENT: &str = "AWSCURRENT";
/// The label of the version that was current before.
pub const PREVIOUS: &str = "AWSPREVIOUS";
/// Versions that are kept; beyond, the oldest ones without labels make way.
pub const MOST_VERSIONS: usize = 100;
/// Labels of one version.
const MOST_STAGES: usize = 20;

/// A secret without its values. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    pub scope: Scope,
    pub name: String,
    /// The random characters of its ARN.
    pub suffix: String,
    /// Its own, not that of another secret that had the name before.
    pub id: Uuid,
    pub description: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub created: Timestamp,
    pub changed: Timestamp,
    /// The beginning of the day.
    pub accessed: Option<Timestamp>,
    pub deletion: Option<Deletion>,
    /// In the order in which they were made.
    pub versions: Vec<Version>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub id: String,
    pub created: Timestamp,
    /// The beginning of the day.
    pub accessed: Option<Timestamp>,
    /// The staging labels.
    pub stages: BTreeSet<String>,
}

/// A secret may be restored until it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    pub asked: Timestamp,
    pub due: Timestamp,
}

/// What a version holds. Key: the secret's id, the version's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    pub secret: Uuid,
    pub version: String,
    /// For [`Value::purpose`].
    pub sealed: String,
    /// Else it is text.
    pub is_binary: bool,
}

impl Secret {
    /// The index of the secrets by the time at which they were made.
    pub const BY_CREATION: &'static str = "created";

    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn key_of(scope: &Scope, name: &str) -> Key {
        Self::in_scope(scope).and(name)
    }

    /// The secret of a name, however long ago it was deleted.
    pub fn find(tx: &mut ReadTx<'_>, scope: &Scope, name: &str) -> Result<Option<Self>, store::Error> {
        Ok(tx.get(&Self::key_of(scope, name))?.map(store::Versioned::into_inner))
    }

    pub fn arn(&self) -> String {
        let Self { name, suffix, .. } = self;
        self.scope.arn("secretsmanager", format_args!("secret:{name}-{suffix}")).to_string()
    }

    /// Whether it can't be restored any more.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.deletion.is_some_and(|deletion| deletion.due <= now)
    }

    pub fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }

    pub fn version_at(&self, stage: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.stages.contains(stage))
    }

    /// The version that a call means. Errors: `NoSuchVersion`, `InvalidRequest` if id and label contradict each other.
    pub fn selected(&self, id: Option<&str>, stage: Option<&str>) -> Result<&Version, Error> {
        let Some(id) = id else {
            let stage = stage.unwrap_or(CURRENT);
            let none = || Error::NoSuchVersion(format!("staging label: {stage}"));
            return self.version_at(stage).ok_or_else(none);
        };
        let version = self.version(id).ok_or_else(|| Error::NoSuchVersion(format!("VersionId: {id}")))?;
        match stage.is_none_or(|stage| version.stages.contains(stage)) {
            true => Ok(version),
            false => Err(Error::request(
                "You provided a VersionStage that is not associated to the provided VersionId.",
            )),
        }
    }

    /// Adds a version with its labels, taken off other versions. The first version is the current one in any case.
    /// Answers the ids of the versions that make way. Errors: `LimitExceeded`.
    pub fn add(&mut self, id: &str, stages: &[String], at: Timestamp) -> Result<Vec<String>, Error> {
        let is_first = self.versions.is_empty();
        self.versions.push(Version {
            id: id.to_owned(),
            created: at,
            accessed: None,
            stages: BTreeSet::new(),
        });
        for stage in stages {
            self.move_stage(stage, id)?;
        }
        if is_first {
            self.move_stage(CURRENT, id)?;
        }
        self.changed = at;
        let mut forgotten = Vec::new();
        while self.versions.len() > MOST_VERSIONS {
            // Not the new one: it is the last.
            let oldest = self.versions[..MOST_VERSIONS].iter().position(|version| version.stages.is_empty());
            let Some(oldest) = oldest else { return Err(Error::LimitExceeded("versions of a secret")) };
            forgotten.push(self.versions.remove(oldest).id);
        }
        Ok(forgotten)
    }

    /// Puts a label on a version and takes it off any other. AWSCURRENT leaves AWSPREVIOUS behind.
    /// Errors: `LimitExceeded`.
    pub fn move_stage(&mut self, stage: &str, to: &str) -> Result<(), Error> {
        let before = self.version_at(stage).map(|version| version.id.clone());
        if before.as_deref() == Some(to) {
            return Ok(());
        }
        self.take_off(stage);
        if let Some(before) = before.filter(|_| stage == CURRENT) {
            self.take_off(PREVIOUS);
            self.put_on(PREVIOUS, &before)?;
        }
        self.put_on(stage, to)
    }

    pub fn take_off(&mut self, stage: &str) {
        for version in &mut self.versions {
            version.stages.remove(stage);
        }
    }

    fn put_on(&mut self, stage: &str, id: &str) -> Result<(), Error> {
        let Some(version) = self.versions.iter_mut().find(|version| version.id == id) else { return Ok(()) };
        version.stages.insert(stage.to_owned());
        match version.stages.len() > MOST_STAGES {
            true => Err(Error::LimitExceeded("staging labels of a version")),
            false => Ok(()),
        }
    }

    /// Labels by version, of those that have some.
    pub fn stages(&self) -> BTreeMap<String, Vec<String>> {
        let labelled = self.versions.iter().filter(|version| !version.stages.is_empty());
        labelled.map(|version| (version.id.clone(), version.stages.iter().cloned().collect())).collect()
    }
}

impl Record for Secret {
    const KIND: &'static str = "secretsmanager/secret";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        let created = Self::in_scope(&self.scope).and_i64(self.created.as_millis());
        vec![Index::new(Self::BY_CREATION, created)]
    }
}

impl Value {
    pub fn key_of(secret: Uuid, version: &str) -> Key {
        Key::of(secret.simple().to_string()).and(version)
    }

    /// What it is sealed for.
    pub fn purpose(secret: Uuid, version: &str) -> String {
        format!("secretsmanager/{secret}/{version}")
    }
}

impl Record for Value {
    const KIND: &'static str = "secretsmanager/value";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.secret, &self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        let at = Timestamp::from_millis(0);
        Secret {
            scope: Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap()),
            name: "a".into(),
            suffix: "AbCdEf".into(),
            id: Uuid::nil(),
            description: None,
            tags: BTreeMap::new(),
            created: at,
            changed: at,
            accessed: None,
            deletion: None,
            versions: Vec::new(),
        }
    }

    fn add(secret: &mut Secret, id: &str, stages: &[&str]) -> Vec<String> {
        let stages: Vec<String> = stages.iter().map(|&stage| stage.to_owned()).collect();
        secret.add(id, &stages, Timestamp::from_millis(1)).unwrap()
    }

    fn at<'s>(secret: &'s Secret, stage: &str) -> Option<&'s str> {
        secret.version_at(stage).map(|version| version.id.as_str())
    }

    #[test]
    fn the_current_version_becomes_the_previous_one() {
        let mut secret = secret();
        add(&mut secret, "1", &["mine"]);
        assert_eq!((at(&secret, CURRENT), at(&secret, "mine")), (Some("1"), Some("1")));
        add(&mut secret, "2", &[CURRENT]);
        add(&mut secret, "3", &[CURRENT, "mine"]);
        assert_eq!((at(&secret, CURRENT), at(&secret, PREVIOUS)), (Some("3"), Some("2")));
        assert_eq!(at(&secret, "mine"), Some("3"));
        secret.move_stage(CURRENT, "2").unwrap();
        assert_eq!((at(&secret, CURRENT), at(&secret, PREVIOUS)), (Some("2"), Some("3")));
        assert_eq!(secret.stages().len(), 2);
    }

    #[test]
    fn versions_without_labels_make_way() {
        let mut secret = secret();
        for number in 0..MOST_VERSIONS {
            assert!(add(&mut secret, &number.to_string(), &[CURRENT]).is_empty());
        }
        secret.move_stage("kept", "0").unwrap();
        assert_eq!(add(&mut secret, "new", &[CURRENT]), ["1"]);
        assert_eq!(secret.versions.len(), MOST_VERSIONS);
        assert_eq!(at(&secret, "kept"), Some("0"));
    }

    #[test]
    fn a_version_is_selected_by_id_or_label() {
        let mut secret = secret();
        add(&mut secret, "1", &[]);
        add(&mut secret, "2", &[CURRENT]);
        let id = |found: Result<&Version, Error>| found.map(|version| version.id.clone()).map_err(|_| ());
        assert_eq!(id(secret.selected(None, None)), Ok("2".into()));
        assert_eq!(id(secret.selected(Some("1"), None)), Ok("1".into()));
        assert_eq!(id(secret.selected(Some("1"), Some(PREVIOUS))), Ok("1".into()));
        assert_eq!(id(secret.selected(Some("1"), Some(CURRENT))), Err(()));
        assert_eq!(id(secret.selected(None, Some("other"))), Err(()));
    }

    #[test]
    fn labels_of_a_version_are_bounded() {
        let mut secret = secret();
        let stages: Vec<String> = (0..MOST_STAGES).map(|number| number.to_string()).collect();
        // The first version gets AWSCURRENT, too.
        assert!(secret.add("1", &stages, Timestamp::from_millis(1)).is_err());
    }
}
