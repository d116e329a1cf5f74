//! Statuses of commits.

use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Api, Refusal};
use crate::Provider;

/// Characters of a description, and bytes of a name, that all hosts take.
const LONGEST: usize = 140;

/// How a build stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    Succeeded,
    Failed,
    Stopped,
    /// It could not be run.
    Error,
}

/// What a host is told of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub commit: String,
    pub state: State,
    /// The name under which it replaces an earlier one.
    pub context: String,
    pub description: String,
    pub target_url: String,
}

impl Api {
    pub async fn report(&self, status: &Status) -> Result<(), Refusal> {
        let (path, body) = described(self.provider, status);
        self.call(Method::POST, &path, Some(&body)).await.map(drop)
    }
}

fn described(provider: Provider, status: &Status) -> (String, Value) {
    let Status { commit, state, context, target_url, .. } = status;
    let description: String = status.description.chars().take(LONGEST).collect();
    match provider {
        Provider::GitHub | Provider::GitHubEnterpriseServer | Provider::AzureDevOps => {
            let state = match state {
                State::Running => "pending",
                State::Succeeded => "success",
                State::Failed => "failure",
                State::Stopped | State::Error => "error",
            };
            let body = json!({"state": state, "context": context, "description": description,
                "target_url": target_url});
            (format!("/statuses/{commit}"), body)
        }
        Provider::GitLab | Provider::GitLabSelfManaged => {
            let state = match state {
                State::Running => "running",
                State::Succeeded => "success",
                State::Failed | State::Error => "failed",
                State::Stopped => "canceled",
            };
            let body = json!({"state": state, "name": context, "description": description,
                "target_url": target_url});
            (format!("/statuses/{commit}"), body)
        }
        Provider::Bitbucket => {
            let state = match state {
                State::Running => "INPROGRESS",
                State::Succeeded => "SUCCESSFUL",
                State::Failed | State::Error => "FAILED",
                State::Stopped => "STOPPED",
            };
            // A key may have forty characters.
            let key = &hex::encode(Sha256::digest(context.as_bytes()))[..40];
            let body = json!({"key": key, "name": context, "state": state, "description": description,
                "url": target_url});
            (format!("/commit/{commit}/statuses/build"), body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_in_its_words() {
        let status = Status {
            commit: "c".into(),
            state: State::Stopped,
            context: "ci".into(),
            description: "d".repeat(200),
            target_url: "https://x".into(),
        };
        let told = |provider| described(provider, &status);
        let (path, body) = told(Provider::GitHub);
        assert_eq!(
            (path.as_str(), &body["state"], &body["context"]),
            ("/statuses/c", &json!("error"), &json!("ci"))
        );
        assert_eq!(body["description"].as_str().unwrap().len(), LONGEST);
        assert_eq!(told(Provider::GitLab).1["state"], "canceled");
        let (path, body) = told(Provider::Bitbucket);
        assert_eq!((path.as_str(), &body["state"]), ("/commit/c/statuses/build", &json!("STOPPED")));
        assert_eq!(body["key"].as_str().unwrap().len(), 40);
    }
}
