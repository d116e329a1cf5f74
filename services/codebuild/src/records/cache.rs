use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Record};

use super::in_scope;

/// Caches of a project that are as old as this are no longer used. Key: account, region, project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invalidation {
    pub scope: Scope,
    pub project: String,
    pub at: Timestamp,
}

impl Invalidation {
    pub fn key_of(scope: &Scope, project: &str) -> Key {
        in_scope(scope).and(project)
    }
}

impl Record for Invalidation {
    const KIND: &'static str = "codebuild/invalidation";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.project)
    }
}
