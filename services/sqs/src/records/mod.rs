//! What is stored.

mod attempt;
mod content;
mod deduplication;
mod group;
mod message;
mod queue;
mod task;

pub use attempt::{Attempt, Taken};
pub use content::{Attribute, Content, Parcel};
pub use deduplication::Deduplication;
pub use group::{Counter, Group};
pub use message::Message;
pub use queue::{DeduplicationScope, Queue, Redrive, RedriveAllow, Settings, ThroughputLimit};
pub use task::{Task, TaskStatus};
