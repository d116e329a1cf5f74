//! What happened in a repository, and the event that tells of it.

use aws::{Event, Timestamp};
use serde_json::{Value, json};

use crate::records::Connection;

/// CodePipeline follows events of this source; rules of EventBridge may. AWS publishes none.
pub const SOURCE: &str = "aws.codeconnections";
pub const DETAIL_TYPE: &str = "CodeConnections Repository State Change";

/// One change, as its host tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `owner/name` as the host spells it.
    pub repository: String,
    pub commit: String,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A branch or tag was created or moved.
    Push {
        kind: Reference,
        name: String,
        /// None: it is new.
        before: Option<String>,
    },
    PullRequest {
        id: String,
        title: String,
        event: PullRequestEvent,
        source_branch: String,
        destination_branch: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    Branch,
    Tag,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullRequestEvent {
    Open,
    Updated,
    Closed,
}

impl Reference {
    fn as_str(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Tag => "tag",
        }
    }
}

impl PullRequestEvent {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Updated => "UPDATED",
            Self::Closed => "CLOSED",
        }
    }
}

/// The event of a change. `delivery` names the change: of a repeated delivery it is the same.
pub fn event(connection: &Connection, change: &Change, delivery: &str, at: Timestamp) -> Event {
    let mut detail = json!({
        "connection-arn": connection.arn(),
        "provider-type": connection.provider.model().as_str(),
        "full-repository-name": change.repository,
        "commit-id": change.commit,
        "delivery-id": delivery,
    });
    let more: &[(&str, Value)] = &match &change.what {
        What::Push { kind, name, before } => vec![
            ("event", json!(if before.is_some() { "referenceUpdated" } else { "referenceCreated" })),
            ("reference-type", json!(kind.as_str())),
            ("reference-name", json!(name)),
            ("before-commit-id", json!(before)),
        ],
        What::PullRequest { id, title, event, source_branch, destination_branch } => vec![
            ("event", json!("pullRequest")),
            ("pull-request-id", json!(id)),
            ("pull-request-title", json!(title)),
            ("pull-request-event", json!(event.as_str())),
            ("source-branch-name", json!(source_branch)),
            ("destination-branch-name", json!(destination_branch)),
        ],
    };
    for (name, value) in more {
        detail[*name] = value.clone();
    }
    Event::new(&connection.scope, SOURCE, DETAIL_TYPE, at, vec![connection.arn()], detail)
}
