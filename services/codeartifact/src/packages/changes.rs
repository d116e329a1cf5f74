//! Calls about many versions of a package at once: which of them may be changed. Pure.
//! Source: CodeArtifact API Reference, UpdatePackageVersionsStatus, DisposePackageVersions, DeletePackageVersions.

use std::collections::BTreeMap;

use codeartifact_model::{PackageVersionError, PackageVersionErrorCode};

use crate::records::{Status, Version};

/// Why one version is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    NotFound,
    MismatchedRevision {
        current: String,
        expected: String,
    },
    MismatchedStatus {
        current: Status,
        expected: String,
    },
    NotAllowed(String),
    AlreadyExists,
    /// Another one of the call was refused.
    Skipped,
}

/// What the caller believes of the versions.
#[derive(Clone, Debug, Default)]
pub struct Guards {
    pub expected_status: Option<String>,
    pub revisions: BTreeMap<String, String>,
}

impl Guards {
    /// Whether a version is as the caller believes.
    pub fn check(&self, name: &str, version: &Version) -> Result<(), Refused> {
        if let Some(expected) = self.revisions.get(name)
            && *expected != version.revision
        {
            let current = version.revision.clone();
            return Err(Refused::MismatchedRevision { current, expected: expected.clone() });
        }
        match &self.expected_status {
            Some(expected) if expected != version.status.as_str() => {
                Err(Refused::MismatchedStatus { current: version.status, expected: expected.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Whether a version may take a status that is asked for.
pub fn transition(from: Status, to: Status) -> Result<(), Refused> {
    let not_allowed = |why: &str| Err(Refused::NotAllowed(why.to_owned()));
    match (from, to) {
        (Status::Disposed, _) => not_allowed("The version is disposed of: it can only be deleted."),
        (_, Status::Disposed | Status::Unfinished) => {
            not_allowed("A version cannot be given this status by UpdatePackageVersionsStatus.")
        }
        (_, Status::Published | Status::Unlisted | Status::Archived) => Ok(()),
    }
}

impl Refused {
    pub fn told(self) -> PackageVersionError {
        let (code, message) = match self {
            Self::NotFound => (PackageVersionErrorCode::NotFound, "Package version not found.".to_owned()),
            Self::MismatchedRevision { current, expected } => (
                PackageVersionErrorCode::MismatchedRevision,
                format!("current revision: {current}, expected revision: {expected}"),
            ),
            Self::MismatchedStatus { current, expected } => (
                PackageVersionErrorCode::MismatchedStatus,
                format!("current status: {}, expected status: {expected}", current.as_str()),
            ),
            Self::NotAllowed(why) => (PackageVersionErrorCode::NotAllowed, why),
            Self::AlreadyExists => (
                PackageVersionErrorCode::AlreadyExists,
                "The version exists at the destination with other content.".to_owned(),
            ),
            Self::Skipped => (
                PackageVersionErrorCode::Skipped,
                "The version was left as it is, because another one of the call was refused.".to_owned(),
            ),
        };
        PackageVersionError { error_code: Some(code), error_message: Some(message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_disposed_of_stays_so() {
        use Status::{Archived, Disposed, Published, Unfinished, Unlisted};
        for from in [Published, Unfinished, Unlisted, Archived] {
            for to in [Published, Unlisted, Archived] {
                assert_eq!(transition(from, to), Ok(()), "{from:?} to {to:?}");
            }
            assert!(transition(from, Disposed).is_err() && transition(from, Unfinished).is_err());
        }
        for to in [Published, Unlisted, Archived, Disposed, Unfinished] {
            assert!(transition(Disposed, to).is_err());
        }
    }
}
