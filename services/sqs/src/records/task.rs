use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

use crate::names::QueueName;

/// Messages on their way from a dead-letter queue to another. Key: the source's, start, id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub id: Uuid,
    pub source: QueueName,
    /// The source as it was when the task began.
    pub source_id: Uuid,
    /// `None`: each message goes where it came from.
    pub destination: Option<QueueName>,
    pub per_second: Option<u32>,
    pub status: TaskStatus,
    pub moved: u64,
    /// As it was counted at the start.
    pub to_move: u64,
    pub started: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskStatus {
    Running,
    Completed,
    Cancelling,
    Cancelled,
    /// Holds the reason.
    Failed(String),
}

impl Task {
    pub fn key_of(source: &QueueName, started: Timestamp, id: Uuid) -> Key {
        source.key().and_i64(started.as_millis()).and(id.to_string())
    }

    pub fn is_active(&self) -> bool {
        matches!(self.status, TaskStatus::Running | TaskStatus::Cancelling)
    }
}

impl TaskStatus {
    /// Source: SQS API Reference, ListMessageMoveTasksResultEntry.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
            Self::Failed(_) => "FAILED",
        }
    }
}

impl Record for Task {
    const KIND: &'static str = "sqs/task";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.source, self.started, self.id)
    }
}
