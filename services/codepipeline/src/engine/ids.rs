//! Identities of what the engine starts, and how they are drawn from the seed of an event.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The name of a stage or an action; shared, because every command and every record repeats it.
pub type Name = Arc<str>;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// One execution of a pipeline; stays the same when a stage is retried.
    ExecutionId
);
uuid_id!(
    /// One attempt at one action; a retry gets a new one. Providers take it as their client token.
    ActionExecutionId
);
uuid_id!(
    /// One evaluation of one rule of a condition. Providers take it as their client token.
    RuleExecutionId
);
uuid_id!(
    /// What a decider of a manual approval must show; only those who may read the pipeline's state know it.
    ApprovalToken
);

/// Draws ids from the seed of an event.
///
/// One-way, so that an id that everybody sees (an action execution's) does not reveal one that not everybody should
/// see (an approval token).
pub(super) struct Ids {
    seed: [u8; 32],
    drawn: u64,
}

impl Ids {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    pub(super) fn draw(&mut self) -> Uuid {
        let hash = blake3::keyed_hash(&self.seed, &self.drawn.to_le_bytes());
        self.drawn += 1;
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_bytes()[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}
