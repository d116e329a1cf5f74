//! Policies that are attached to projects and report groups.

use std::collections::BTreeSet;

use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

use super::in_scope;

/// What can be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shared {
    Project,
    ReportGroup,
}

impl Shared {
    /// How the resource of its ARN begins.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Project => "project/",
            Self::ReportGroup => "report-group/",
        }
    }
}

/// Key: account, region, resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourcePolicy {
    pub scope: Scope,
    pub kind: Shared,
    /// `project/NAME` or `report-group/NAME`.
    pub resource: String,
    pub document: String,
    /// Accounts by their ids, others by their ARNs; not the account that owns the resource.
    pub shared_with: BTreeSet<String>,
    pub modified: Timestamp,
}

impl ResourcePolicy {
    /// By whom it is shared with, then by ARN.
    pub const BY_ARN: &'static str = "shared-by-arn";
    /// By whom it is shared with, then by the time of the last change.
    pub const BY_TIME: &'static str = "shared-by-time";

    pub fn key_of(scope: &Scope, resource: &str) -> Key {
        in_scope(scope).and(resource)
    }

    pub fn arn(&self) -> String {
        self.scope.arn("codebuild", &self.resource).to_string()
    }

    /// The prefix in both indexes of what is shared with a principal in a region.
    pub fn shared_with(principal: &str, region: &str, kind: Shared) -> Key {
        Key::of(principal).and(region).and(kind.prefix())
    }

    /// What follows the prefix.
    pub fn place(&self, by_time: bool) -> Key {
        match by_time {
            true => Key::empty().and_i64(self.modified.as_millis()).and(self.arn()),
            false => Key::of(self.arn()),
        }
    }
}

impl Record for ResourcePolicy {
    const KIND: &'static str = "codebuild/resource-policy";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.resource)
    }

    fn indexes(&self) -> Vec<Index> {
        let prefix = |principal: &String| Self::shared_with(principal, self.scope.region.as_str(), self.kind);
        let entries = self.shared_with.iter().flat_map(|principal| {
            [
                Index::new(Self::BY_ARN, prefix(principal).join(&self.place(false))),
                Index::new(Self::BY_TIME, prefix(principal).join(&self.place(true))),
            ]
        });
        entries.collect()
    }
}
