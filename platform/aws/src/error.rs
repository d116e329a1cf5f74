//! The error that a client sees.

use std::borrow::Cow;
use std::fmt;

/// A refused or failed call: AWS's code, the HTTP status and the message for the caller.
///
/// Services have an enum of their own with a variant per AWS error and turn it into this one at the edge
/// (`impl From<codebuild::Error> for aws::Error`). Internal causes go to the log, never in here.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// The code without namespace, for example `PipelineNotFoundException`.
    pub code: Cow<'static, str>,
    pub message: String,
    /// 4xx or 5xx.
    pub status: u16,
    /// Further members of the error's shape, in wire names.
    pub members: serde_json::Map<String, serde_json::Value>,
    /// Code and status by which clients of the Query protocol know it, for services that came from there to JSON.
    pub in_query: Option<(&'static str, u16)>,
}

impl Error {
    /// A client's error with status 400, what the JSON services answer.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status: 400,
            members: serde_json::Map::new(),
            in_query: None,
        }
    }

    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    #[must_use]
    pub fn with_member(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn with_query_code(mut self, code: &'static str, status: u16) -> Self {
        self.in_query = Some((code, status));
        self
    }

    /// A fault of ours. The cause is logged here, once; the caller learns nothing of it.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "a call failed inside");
        Self::new("InternalFailure", "The request processing has failed because of an unknown error.")
            .with_status(500)
    }

    /// An operation of AWS's that is not built here.
    pub fn not_implemented(service: &str, operation: &str) -> Self {
        let message = format!("{operation} of {service} is not built yet.");
        Self::new("NotImplemented", message).with_status(501)
    }

    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::new("AccessDeniedException", message)
    }

    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    pub fn is_fault(&self) -> bool {
        self.status >= 500
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}
