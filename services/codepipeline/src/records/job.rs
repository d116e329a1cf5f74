use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Range, Record};
use uuid::Uuid;

use crate::engine::{ActionExecutionId, ExecutionId};
use crate::jobs::{self, State};

/// One job of a worker: the work of an action, or the next part of it. Key: pipeline, id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub id: jobs::Id,
    pub scope: Scope,
    pub pipeline: Uuid,
    pub pipeline_name: String,
    pub execution: ExecutionId,
    pub action: ActionExecutionId,
    /// `OWNER/CATEGORY/PROVIDER/VERSION`
    pub action_type: String,
    /// The value by which workers ask for it; empty where they cannot.
    pub queried_value: String,
    /// Whose it is, for a partner's worker; none: an account's own worker.
    pub client_id: Option<String>,
    pub state: State,
    pub created_at: Timestamp,
    /// What the worker said when it put the work off.
    pub continuation_token: Option<String>,
}

impl Job {
    pub const ID: &str = "id";
    pub const WAITING: &str = "waiting";
    pub const OPEN: &str = "open";

    pub fn of_pipeline(pipeline: Uuid) -> Key {
        Key::of(pipeline.to_string())
    }

    pub fn with_id(id: jobs::Id) -> Key {
        Key::of(id.to_string())
    }

    /// Index range of those that a worker may have at this time, in the order in which they became due.
    pub fn due(scope: &Scope, action_type: &str, queried_value: &str, at: Timestamp) -> Range {
        let first = Self::waiting(scope, action_type, queried_value);
        let after = millis(at).saturating_add(1);
        Range::between(first.clone(), first.and_u64(after))
    }

    /// Index prefix of those of an action execution that have not ended.
    pub fn open_of(action: ActionExecutionId) -> Key {
        Key::of(action.to_string())
    }

    fn waiting(scope: &Scope, action_type: &str, queried_value: &str) -> Key {
        let scope = Key::of(scope.account.as_str()).and(scope.region.as_str());
        scope.and(action_type).and(queried_value)
    }
}

fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(0)
}

impl Record for Job {
    const KIND: &'static str = "codepipeline/job";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::of_pipeline(self.pipeline).and(self.id.to_string())
    }

    fn indexes(&self) -> Vec<Index> {
        let mut indexes = vec![Index::new(Self::ID, Self::with_id(self.id))];
        if let Some(at) = self.state.due_at() {
            let key = Self::waiting(&self.scope, &self.action_type, &self.queried_value);
            indexes.push(Index::new(Self::WAITING, key.and_u64(millis(at))));
        }
        if !self.state.status.has_ended() {
            indexes.push(Index::new(Self::OPEN, Self::open_of(self.action)));
        }
        indexes
    }
}
