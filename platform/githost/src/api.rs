//! The part of the hosts' APIs that is called here: webhooks of a repository, statuses of commits, and roles.
//! Sources: GitHub REST API, "Repository webhooks", "Commit statuses", "Collaborators"; GitLab REST API, "Project webhooks", "Group webhooks",
//! "Commits", "Project members";
//! Bitbucket Cloud REST API, "Repositories", "Commit statuses", "Pullrequests", "Workspaces".

mod hook;
mod people;
mod status;

use aws::remote::Transport;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::Provider;
use crate::git::Credential;

pub use hook::Hook;
pub use status::{State, Status};

/// Characters of an answer that a message quotes.
const QUOTED: usize = 300;

/// A repository as its host's API knows it.
pub struct Api {
    pub provider: Provider,
    /// `https://api.github.com`
    pub base: String,
    /// `owner/name`; of an organisation its name.
    pub path: String,
    /// It is asked about a whole organisation of GitHub's, or group of GitLab's.
    pub is_organisation: bool,
    pub credential: Credential,
}

/// Why a host did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It may do it later.
    #[error("{0}")]
    Unavailable(String),
    /// 401 and 403.
    #[error("{0}")]
    NotAllowed(String),
    /// 404: it is not there, or the host hides it from who may not see it.
    #[error("{0}")]
    Absent(String),
    #[error("{0}")]
    Other(String),
}

impl Api {
    /// Answers the body; null where there is none.
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Refusal> {
        self.call_at(method, &format!("{}{path}", self.repository()), body).await
    }

    /// As `call`, of what is not below the repository.
    async fn call_at(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Refusal> {
        let broken = || Refusal::Other("the address of its API is none".to_owned());
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base.trim_end_matches('/')))
            .header("accept", "application/json")
            .header("user-agent", "Stagewright")
            .header("content-type", "application/json")
            .header(self.authorization().0, self.authorization().1)
            .body(Bytes::from(body.map(Value::to_string).unwrap_or_default()))
            .map_err(|_| broken())?;
        let transport = match request.uri().scheme_str() {
            Some("https") => Transport::tls().map_err(|error| Refusal::Unavailable(error.to_string()))?,
            Some(_) => Transport::plain(),
            None => return Err(broken()),
        };
        let answer = transport.send(request).await.map_err(|error| Refusal::Unavailable(error.message))?;
        let (status, body) = (answer.status(), answer.into_body());
        if status.is_success() {
            return Ok(serde_json::from_slice(&body).unwrap_or(Value::Null));
        }
        let said: String = String::from_utf8_lossy(&body).chars().take(QUOTED).collect();
        let told = format!("it answered {status} ({said})");
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Refusal::NotAllowed(told),
            StatusCode::NOT_FOUND => Refusal::Absent(told),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Refusal::Unavailable(told),
            status if status.is_server_error() => Refusal::Unavailable(told),
            _ => Refusal::Other(told),
        })
    }

    /// Where the API has the repository.
    fn repository(&self) -> String {
        match self.provider {
            Provider::GitHub | Provider::GitHubEnterpriseServer if self.is_organisation => {
                format!("/orgs/{}", self.path)
            }
            Provider::GitHub | Provider::GitHubEnterpriseServer | Provider::AzureDevOps => {
                format!("/repos/{}", self.path)
            }
            Provider::GitLab | Provider::GitLabSelfManaged => {
                let kind = if self.is_organisation { "groups" } else { "projects" };
                format!("/{kind}/{}", self.path.replace('/', "%2F"))
            }
            Provider::Bitbucket => format!("/repositories/{}", self.path),
        }
    }

    fn authorization(&self) -> (&'static str, String) {
        let token = self.credential.token.reveal();
        // A user name of one's own stands beside a password; one of the host's own beside a token.
        match self.credential.user_name == self.provider.user_name() {
            true => ("authorization", format!("Bearer {token}")),
            false => {
                let shown = format!("{}:{token}", self.credential.user_name);
                ("authorization", format!("Basic {}", STANDARD.encode(shown)))
            }
        }
    }
}
