//! What a provider gets, and what it answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::{Client, Compute, Scope, Secret, Timestamp};
use codepipeline_model::ActionTypeId;
use serde::{Deserialize, Serialize};

use crate::engine::{ActionExecutionId, ApprovalToken};
use crate::providers::Commands;
use crate::providers::github::GitHubHost;
use crate::role::Role;

/// One action execution, ready to be worked on: configuration resolved, artifacts placed.
pub struct Work {
    pub scope: Scope,
    pub action: String,
    /// The client token towards whoever does the work.
    pub id: ActionExecutionId,
    pub started_at: Timestamp,
    pub configuration: BTreeMap<String, String>,
    pub inputs: Vec<Artifact>,
    pub outputs: Vec<Artifact>,
    /// The KMS key of the artifact store; none: S3's own.
    pub encryption_key: Option<String>,
    /// Set for manual approvals.
    pub approval: Option<Approval>,
    /// Source revisions that this execution was started with, by kind (`COMMIT_ID`, …).
    pub revisions: BTreeMap<String, String>,
    pub pipeline: String,
    /// Of compute actions and rules.
    pub commands: Option<Commands>,
    /// Secret values of the configuration, by key.
    pub secrets: BTreeMap<String, Secret>,
    /// Where sources of GitHub are fetched.
    pub(crate) github: Option<Arc<GitHubHost>>,
    /// Where commands run.
    pub(crate) compute: Option<Arc<dyn Compute>>,
    pub(crate) role: Role,
}

impl Work {
    /// A client that acts as the action's role, or else the pipeline's. The role is assumed by the first call: work
    /// that needs no permissions does not fail for want of them.
    pub async fn client(&self) -> Result<&Client, Trouble> {
        self.role.client().await.map_err(Trouble::from)
    }

    /// The roles behind [`Self::client`], each assumed by the one before it, the first by CodePipeline.
    pub fn roles(&self) -> Vec<String> {
        self.role.chain()
    }

    /// A configuration value; the definition's check made sure of required ones, so an absent one is a mistake of ours
    /// that the action shows rather than hides.
    pub fn required(&self, key: &str) -> Result<&str, Trouble> {
        self.optional(key).ok_or_else(|| {
            Trouble::configuration(format!(
                "Action configuration for action '{}' is missing required configuration '{key}'",
                self.action
            ))
        })
    }

    pub fn optional(&self, key: &str) -> Option<&str> {
        self.configuration.get(key).map(String::as_str)
    }

    /// A configuration value that is `true` or `false`.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool, Trouble> {
        match self.optional(key) {
            None => Ok(default),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(value) => {
                Err(Trouble::configuration(format!("'{key}' must be true or false, not '{value}'")))
            }
        }
    }

    /// The artifact of an action that makes exactly one.
    pub fn output(&self) -> Result<&Artifact, Trouble> {
        self.outputs.first().ok_or_else(|| Trouble::configuration("the action has no output artifact"))
    }

    /// The artifact of an action that takes exactly one.
    pub fn input(&self) -> Result<&Artifact, Trouble> {
        self.inputs.first().ok_or_else(|| Trouble::configuration("the action has no input artifact"))
    }
}

/// What somebody has to know who is asked to approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub pipeline: String,
    pub stage: String,
    pub token: ApprovalToken,
    /// When the action fails if nobody has answered.
    pub expires: Timestamp,
    /// The address under which this server is reached.
    pub endpoint: String,
}

/// An artifact and where it lies, or will lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    pub name: String,
    pub bucket: String,
    pub key: String,
}

/// How an action is getting on, or ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    InProgress(Report),
    Succeeded(Report),
    Failed(Report, ErrorDetails),
}

/// What is known of an action's work. Absent members leave what was known before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub summary: Option<String>,
    pub external_execution_id: Option<String>,
    pub external_execution_url: Option<String>,
    /// 0 to 100.
    pub percent_complete: Option<i32>,
    pub log_stream_arn: Option<String>,
    pub output_variables: Option<BTreeMap<String, String>>,
    /// Of source actions.
    pub revision: Option<Revision>,
}

impl Report {
    /// Takes over what a newer report knows.
    pub fn update(&mut self, newer: Report) {
        let Report {
            summary,
            external_execution_id,
            external_execution_url,
            percent_complete,
            log_stream_arn,
            output_variables,
            revision,
        } = newer;
        take(&mut self.summary, summary);
        take(&mut self.external_execution_id, external_execution_id);
        take(&mut self.external_execution_url, external_execution_url);
        take(&mut self.percent_complete, percent_complete);
        take(&mut self.log_stream_arn, log_stream_arn);
        take(&mut self.output_variables, output_variables);
        take(&mut self.revision, revision);
    }
}

fn take<T>(known: &mut Option<T>, newer: Option<T>) {
    if newer.is_some() {
        *known = newer;
    }
}

/// Which version of its source an action took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    pub id: String,
    pub change_identifier: Option<String>,
    pub summary: Option<String>,
    pub created: Option<Timestamp>,
    pub url: Option<String>,
}

/// Why an action failed, as `errorDetails` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetails {
    pub code: String,
    pub message: String,
}

impl ErrorDetails {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    /// Nobody here does the work of actions of this type.
    pub fn not_available(id: &ActionTypeId) -> Self {
        let message = format!(
            "The action provider {} ({}, owner {}) is not available here",
            id.provider, id.category, id.owner
        );
        Self::new("ConfigurationError", message)
    }
}

/// Why a provider has no outcome.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// The action fails.
    #[error("{}: {}", .0.code, .0.message)]
    Refused(ErrorDetails),
    /// Nothing is decided: ask again later.
    #[error("{0}")]
    Unavailable(String),
}

impl Trouble {
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::Refused(ErrorDetails::new("ConfigurationError", message))
    }

    pub fn job_failed(message: impl Into<String>) -> Self {
        Self::Refused(ErrorDetails::new("JobFailed", message))
    }
}

/// An answer of another service: refused permissions fail the action with AWS's message, faults are waited out.
impl From<aws::Error> for Trouble {
    fn from(error: aws::Error) -> Self {
        // 501 says that something is not built: waiting does not help.
        if error.is_fault() && error.status != 501 {
            return Self::Unavailable(error.to_string());
        }
        match &*error.code {
            "ThrottlingException" | "Throttling" | "SlowDown" | "TooManyRequestsException" => {
                Self::Unavailable(error.to_string())
            }
            "AccessDenied"
            | "AccessDeniedException"
            | "AuthorizationError"
            | "UnauthorizedOperation"
            | "UnrecognizedClientException"
            | "ExpiredTokenException" => Self::Refused(ErrorDetails::new("PermissionError", error.message)),
            _ => Self::Refused(ErrorDetails::new("ConfigurationError", error.message)),
        }
    }
}

/// The first `limit` characters.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    text.chars().take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_fail_the_action_and_faults_are_waited_out() {
        let denied = aws::Error::access_denied("User: x is not authorized to perform: s3:GetObject");
        let expected = ErrorDetails::new("PermissionError", denied.message.clone());
        assert_eq!(Trouble::from(denied), Trouble::Refused(expected));
        let fault = aws::Error::new("InternalFailure", "x").with_status(500);
        assert!(matches!(Trouble::from(fault), Trouble::Unavailable(_)));
        let unbuilt = aws::Error::not_implemented("CodeBuild", "StartBuildBatch");
        assert!(matches!(Trouble::from(unbuilt), Trouble::Refused(_)));
    }

    #[test]
    fn a_report_keeps_what_a_newer_one_leaves_out() {
        let mut report = Report { summary: Some("a".into()), percent_complete: Some(1), ..Report::default() };
        report.update(Report { percent_complete: Some(2), ..Report::default() });
        assert_eq!((report.summary.as_deref(), report.percent_complete), (Some("a"), Some(2)));
    }
}
