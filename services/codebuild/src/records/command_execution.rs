use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use super::{BuildId, in_scope};

/// A command of a sandbox. Key: account, region, sandbox, id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandExecution {
    pub scope: Scope,
    pub sandbox: BuildId,
    pub id: Uuid,
    pub command: String,
    pub submitted: Timestamp,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// None also if the sandbox ended before the command did.
    pub exit_code: Option<i32>,
    /// The beginning of what it wrote.
    pub stdout: String,
    pub stderr: String,
}

impl CommandExecution {
    /// Of a sandbox, by submission.
    pub const SUBMITTED: &'static str = "submitted";
    /// Of a sandbox, those that have not ended.
    pub const PENDING: &'static str = "pending";

    pub fn key_of(scope: &Scope, sandbox: &BuildId, id: Uuid) -> Key {
        Self::of_sandbox(scope, sandbox).and(id.to_string())
    }

    pub fn of_sandbox(scope: &Scope, sandbox: &BuildId) -> Key {
        in_scope(scope).and(&sandbox.project).and(sandbox.uuid.to_string())
    }

    /// As StartSandbox's users know it.
    pub fn status(&self) -> &'static str {
        match (self.ended, self.exit_code) {
            (None, _) => "IN_PROGRESS",
            (Some(_), Some(0)) => "SUCCEEDED",
            (Some(_), Some(_)) => "FAILED",
            (Some(_), None) => "STOPPED",
        }
    }
}

impl Record for CommandExecution {
    const KIND: &'static str = "codebuild/command-execution";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.sandbox, self.id)
    }

    fn indexes(&self) -> Vec<Index> {
        let of_sandbox = Self::of_sandbox(&self.scope, &self.sandbox);
        let id = self.id.to_string();
        let at = of_sandbox.clone().and_i64(self.submitted.as_millis()).and(&id);
        let mut indexes = vec![Index::new(Self::SUBMITTED, at)];
        if self.ended.is_none() {
            indexes.push(Index::new(Self::PENDING, of_sandbox.and(id)));
        }
        indexes
    }
}
