//! Jobs: the work of actions that programs outside of the service do.
//!
//! An action of such a type makes a job in the transaction that starts it. A worker polls for it, which hands the job out
//! with a nonce; acknowledges it, which claims it; and says how it ended. [`State`] decides, purely, what is possible.
//! A job that was handed out and not acknowledged becomes due again by itself, with another nonce at its next handing
//! out; so nothing has to run for jobs that wait.
//!
//! Source: CodePipeline API Reference, PollForJobs and what follows it; User Guide, "Create and add a custom action".

mod context;
mod data;
mod hand_out;
mod polls;
pub(crate) mod results;
mod session_policy;
mod state;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) use context::{Context, find};
pub(crate) use data::{job_data, third_party_job_data};
pub(crate) use hand_out::hand_out;
pub(crate) use polls::Polls;
pub use state::{Refused, State, Status};

/// Jobs that one poll hands out at most: for each of them a role is assumed.
pub const LARGEST_BATCH: usize = 25;

/// Names a job. Whoever knows it may say how the job ended, so it cannot be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(pub Uuid);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Id {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}
