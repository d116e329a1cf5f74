//! A change of a repository behind a connection, as CodeConnections publishes it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::records::SourceOverride;

/// Characters of a trigger's detail at most. Source: CodePipeline API Reference, ExecutionTrigger.
const DETAIL: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub connection_arn: String,
    /// `owner/name`, as the host spells it.
    pub repository: String,
    pub provider_type: String,
    pub commit_id: String,
    /// The same for a delivery that is repeated.
    pub delivery: String,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// `before`: none if the branch is new.
    Branch {
        name: String,
        before: Option<String>,
    },
    Tag {
        name: String,
    },
    PullRequest {
        id: String,
        title: String,
        event: String,
        source_branch: String,
        destination_branch: String,
    },
}

impl Change {
    /// None: the event tells of no change that starts a pipeline.
    pub fn of(detail: &Value) -> Option<Self> {
        let text = |name: &str| detail[name].as_str().map(str::to_owned);
        let what = match (text("event")?.as_str(), detail["reference-type"].as_str()) {
            ("pullRequest", _) => What::PullRequest {
                id: text("pull-request-id")?,
                title: text("pull-request-title")?,
                event: text("pull-request-event")?,
                source_branch: text("source-branch-name")?,
                destination_branch: text("destination-branch-name")?,
            },
            (_, Some("branch")) => {
                What::Branch { name: text("reference-name")?, before: text("before-commit-id") }
            }
            (_, Some("tag")) => What::Tag { name: text("reference-name")? },
            _ => return None,
        };
        Some(Self {
            connection_arn: text("connection-arn")?,
            repository: text("full-repository-name")?,
            provider_type: text("provider-type")?,
            commit_id: text("commit-id")?,
            delivery: text("delivery-id")?,
            what,
        })
    }

    /// Names the change among all of a pipeline.
    pub fn token(&self) -> String {
        format!("connection:{}:{}", self.connection_arn, self.delivery)
    }

    /// What an execution tells of why it was started.
    pub fn detail(&self) -> String {
        let mut detail = json!({
            "connection-arn": self.connection_arn,
            "full-repository-name": self.repository,
            "provider-type": self.provider_type,
            "commit-id": self.commit_id,
        });
        for (kind, value) in self.particulars() {
            detail[name_in_events(kind)] = json!(value);
        }
        if let What::PullRequest { event, .. } = &self.what {
            detail["pull-request-event"] = json!(event);
        }
        let text = detail.to_string();
        if text.chars().count() <= DETAIL {
            return text;
        }
        // Names of branches may be long; what is left says which change it was.
        json!({"connection-arn": self.connection_arn, "commit-id": self.commit_id}).to_string()
    }

    /// What an action takes instead of the newest commit of its branch.
    pub fn overrides(&self, action: &str) -> Vec<SourceOverride> {
        let make = |kind: &str, value: &str| SourceOverride {
            action: action.to_owned(),
            kind: kind.to_owned(),
            value: value.to_owned(),
        };
        let commit = std::iter::once(make("COMMIT_ID", &self.commit_id));
        commit.chain(self.particulars().into_iter().map(|(kind, value)| make(kind, value))).collect()
    }

    fn particulars(&self) -> Vec<(&'static str, &str)> {
        match &self.what {
            What::Branch { name, .. } => vec![("BRANCH_NAME", name)],
            What::Tag { name } => vec![("TAG_NAME", name)],
            What::PullRequest { id, title, source_branch, destination_branch, .. } => vec![
                ("PULL_REQUEST_ID", id),
                ("PULL_REQUEST_TITLE", title),
                ("SOURCE_BRANCH_NAME", source_branch),
                ("DESTINATION_BRANCH_NAME", destination_branch),
            ],
        }
    }
}

fn name_in_events(kind: &str) -> String {
    kind.to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_becomes_a_change() {
        let push = json!({
            "connection-arn": "arn:c", "full-repository-name": "acme/site", "provider-type": "GitHub", "commit-id": "b",
            "delivery-id": "d:0", "event": "referenceUpdated", "reference-type": "branch", "reference-name": "main",
            "before-commit-id": "a",
        });
        let change = Change::of(&push).unwrap();
        assert_eq!(change.what, What::Branch { name: "main".into(), before: Some("a".into()) });
        let kinds: Vec<_> =
            change.overrides("Code").into_iter().map(|given| (given.kind, given.value)).collect();
        assert_eq!(kinds, [("COMMIT_ID".into(), "b".into()), ("BRANCH_NAME".into(), "main".to_owned())]);
        let told: Value = serde_json::from_str(&change.detail()).unwrap();
        assert_eq!((&told["branch-name"], &told["commit-id"]), (&json!("main"), &json!("b")));
        let long = Change { what: What::Tag { name: "ä".repeat(2000) }, ..change };
        assert!(long.detail().len() <= DETAIL);
        assert_eq!(Change::of(&json!({"event": "referenceUpdated"})), None);
    }
}
