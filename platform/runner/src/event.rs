//! What happened in a build, one JSON object a line in `events.jsonl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::plan::Phase;

/// All times are milliseconds since the epoch, by the clock of the machine that runs the build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The environment is up and will run commands.
    Started {
        at: i64,
    },
    PhaseStarted {
        phase: Phase,
        at: i64,
    },
    CommandStarted {
        phase: Phase,
        command: String,
        at: i64,
    },
    CommandEnded {
        phase: Phase,
        exit_code: i32,
        at: i64,
    },
    PhaseFinished {
        phase: Phase,
        status: PhaseStatus,
        context: Context,
        at: i64,
    },
    /// A command of a sandbox runs, beside others.
    RunStarted {
        id: Uuid,
        at: i64,
    },
    /// All of its output stands in the log. Without an exit code: the environment went away under it.
    RunEnded {
        id: Uuid,
        exit_code: Option<i32>,
        at: i64,
    },
    /// Values of the plan's `exported_variables`, after the last phase.
    Exported {
        variables: BTreeMap<String, String>,
    },
    /// Expansions of the plan's `evaluate`, after the last phase. What the shell could not expand is absent.
    Evaluated {
        values: BTreeMap<String, String>,
    },
    /// The last event. All output stands in the log when this can be read.
    Finished {
        status: Status,
        /// Whether artifacts are to be uploaded: POST_BUILD was passed, well or badly.
        upload_artifacts: bool,
        /// Why the environment could not do its work, when `status` is `Fault`; else empty.
        context: Context,
        at: i64,
    },
}

impl Event {
    /// Of a build that ends before its first command: its first phase fails with the context.
    pub fn unrun(status: Status, context: Context, at: i64) -> [Self; 3] {
        let phase = Phase::Install;
        let of_phase = match status {
            Status::Succeeded => PhaseStatus::Succeeded,
            Status::Failed => PhaseStatus::Failed,
            Status::Stopped => PhaseStatus::Stopped,
            Status::TimedOut => PhaseStatus::TimedOut,
            Status::Fault => PhaseStatus::Fault,
        };
        [
            Self::PhaseStarted { phase, at },
            Self::PhaseFinished { phase, status: of_phase, context, at },
            Self::Finished { status, upload_artifacts: false, context: Context::default(), at },
        ]
    }

    /// When it happened, if it says so.
    pub(crate) const fn at(&self) -> Option<i64> {
        match self {
            Self::Started { at }
            | Self::PhaseStarted { at, .. }
            | Self::CommandStarted { at, .. }
            | Self::CommandEnded { at, .. }
            | Self::PhaseFinished { at, .. }
            | Self::RunStarted { at, .. }
            | Self::RunEnded { at, .. }
            | Self::Finished { at, .. } => Some(*at),
            Self::Exported { .. } | Self::Evaluated { .. } => None,
        }
    }

    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Finished { .. })
    }
}

/// CodeBuild's phase context; both parts are empty when nothing went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// For example `COMMAND_EXECUTION_ERROR`.
    pub status_code: String,
    pub message: String,
}

impl Context {
    pub fn new(status_code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status_code: status_code.into(), message: message.into() }
    }

    /// Of a build whose time is over.
    pub fn timed_out() -> Self {
        Self::new("BUILD_TIMED_OUT", "Build has timed out. ")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PhaseStatus {
    Succeeded,
    Failed,
    Stopped,
    TimedOut,
    Fault,
}

impl PhaseStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Stopped => "STOPPED",
            Self::TimedOut => "TIMED_OUT",
            Self::Fault => "FAULT",
        }
    }
}

/// How the phases of a plan ended, all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Succeeded,
    Failed,
    Stopped,
    TimedOut,
    /// The environment could not be started, or failed by itself.
    Fault,
}
