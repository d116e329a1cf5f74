//! The event that tells of what happened in a repository.

use aws::{Event, Timestamp};
use githost::Provider;
use githost::change::{Action, Change, PullRequest, Push, What};
use serde_json::{Value, json};

use crate::provider;
use crate::records::Connection;

/// CodePipeline follows events of this source; rules of EventBridge may. AWS publishes none.
pub const SOURCE: &str = "aws.codeconnections";
pub const DETAIL_TYPE: &str = "CodeConnections Repository State Change";

/// Whether pipelines may be started by it: what comes from forks is a stranger's.
pub fn starts_pipelines(provider: Provider, change: &Change) -> bool {
    match &change.what {
        What::Push(_) => true,
        // Of what was declined, nothing is to be run: on Bitbucket, CLOSED means merged.
        What::PullRequest(request) => {
            !request.is_from_fork && (provider != Provider::Bitbucket || request.action != Action::Closed)
        }
        What::Release(_) | What::Approval(_) => false,
    }
}

/// The event of a change; none of a release. `delivery` names the change: of a repeated delivery it is the same.
pub fn event(connection: &Connection, change: &Change, delivery: &str, at: Timestamp) -> Option<Event> {
    let (commit, more) = match &change.what {
        What::Push(push) => (&push.commit, of_push(push)),
        What::PullRequest(request) => (&request.commit, of_pull_request(request)),
        What::Release(_) | What::Approval(_) => return None,
    };
    let mut detail = json!({
        "connection-arn": connection.arn(),
        "provider-type": provider::model(connection.provider).as_str(),
        "full-repository-name": change.repository,
        "commit-id": commit,
        "delivery-id": delivery,
    });
    for (name, value) in more {
        detail[name] = value;
    }
    Some(Event::new(&connection.scope, SOURCE, DETAIL_TYPE, at, vec![connection.arn()], detail))
}

fn of_push(push: &Push) -> Vec<(&'static str, Value)> {
    let event = if push.before.is_some() { "referenceUpdated" } else { "referenceCreated" };
    vec![
        ("event", json!(event)),
        ("reference-type", json!(push.kind.as_str())),
        ("reference-name", json!(push.name)),
        ("before-commit-id", json!(push.before)),
    ]
}

fn of_pull_request(request: &PullRequest) -> Vec<(&'static str, Value)> {
    let event = match request.action {
        Action::Created | Action::Reopened => "OPEN",
        Action::Updated => "UPDATED",
        Action::Merged | Action::Closed => "CLOSED",
    };
    vec![
        ("event", json!("pullRequest")),
        ("pull-request-id", json!(request.id)),
        ("pull-request-title", json!(request.title)),
        ("pull-request-event", json!(event)),
        ("source-branch-name", json!(request.source_branch)),
        ("destination-branch-name", json!(request.destination_branch)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_and_what_was_declined_start_nothing() {
        let change = |action: Action, is_from_fork: bool| {
            let commit = "a".repeat(40);
            let name = || "x".to_owned();
            let what = What::PullRequest(PullRequest {
                commit,
                id: name(),
                title: name(),
                action,
                source_branch: name(),
                destination_branch: name(),
                is_from_fork,
                merge_commit: None,
                contributors: vec![],
            });
            Change { repository: "acme/site".into(), actor: None, what }
        };
        assert!(starts_pipelines(Provider::GitHub, &change(Action::Closed, false)));
        assert!(starts_pipelines(Provider::Bitbucket, &change(Action::Merged, false)));
        assert!(!starts_pipelines(Provider::Bitbucket, &change(Action::Closed, false)));
        assert!(!starts_pipelines(Provider::GitHub, &change(Action::Created, true)));
    }
}
