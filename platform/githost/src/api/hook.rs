//! Webhooks of a repository.

use aws::Secret;
use http::Method;
use serde_json::{Value, json};

use super::{Api, Refusal};
use crate::Provider;

/// Hosts admit a few dozen webhooks in a repository.
const PAGE: usize = 100;

/// What a host is told of a webhook.
pub struct Hook {
    /// To which deliveries are posted.
    pub url: String,
    pub secret: Secret,
}

impl Api {
    /// Registers a webhook. What the host has at this address is replaced: a repeated call registers nothing twice. Answers
    /// the address under which the host's API has it.
    pub async fn register(&self, hook: &Hook) -> Result<String, Refusal> {
        let told = described(self.provider, hook);
        let update = match self.provider {
            Provider::GitLab | Provider::GitLabSelfManaged | Provider::Bitbucket => Method::PUT,
            Provider::GitHub | Provider::GitHubEnterpriseServer | Provider::AzureDevOps => Method::PATCH,
        };
        let id = match self.find(&hook.url).await? {
            Some(id) => {
                self.call(update, &format!("/hooks/{id}"), Some(&told)).await?;
                id
            }
            None => identity(&self.call(Method::POST, "/hooks", Some(&told)).await?).unwrap_or_default(),
        };
        Ok(format!("{}{}/hooks/{id}", self.base.trim_end_matches('/'), self.repository()))
    }

    /// Takes the webhook of an address away; one that is not there is away.
    pub async fn deregister(&self, url: &str) -> Result<(), Refusal> {
        match self.find(url).await? {
            Some(id) => self.call(Method::DELETE, &format!("/hooks/{id}"), None).await.map(drop),
            None => Ok(()),
        }
    }

    async fn find(&self, url: &str) -> Result<Option<String>, Refusal> {
        let size = if self.provider == Provider::Bitbucket { "pagelen" } else { "per_page" };
        let known = self.call(Method::GET, &format!("/hooks?{size}={PAGE}"), None).await?;
        let list = known.as_array().or_else(|| known["values"].as_array());
        let address = |hook: &Value| {
            let found = hook.pointer("/config/url").or_else(|| hook.get("url"));
            found.and_then(Value::as_str) == Some(url)
        };
        Ok(list.into_iter().flatten().find(|hook| address(hook)).and_then(identity))
    }
}

fn identity(hook: &Value) -> Option<String> {
    let number = hook["id"].as_u64().map(|id| id.to_string());
    let id = number.or_else(|| hook["uuid"].as_str().map(str::to_owned))?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "{}-".contains(c);
    // Curly brackets around ids of Bitbucket.
    id.chars().all(fits).then(|| id.replace('{', "%7B").replace('}', "%7D"))
}

fn described(provider: Provider, hook: &Hook) -> Value {
    let (url, secret) = (&hook.url, hook.secret.reveal());
    match provider {
        Provider::GitHub | Provider::GitHubEnterpriseServer | Provider::AzureDevOps => json!({
            "name": "web", "active": true, "events": ["push", "pull_request", "release", "issue_comment"],
            "config": {"url": url, "content_type": "json", "insecure_ssl": "0", "secret": secret},
        }),
        Provider::GitLab | Provider::GitLabSelfManaged => json!({
            "url": url, "token": secret, "push_events": true, "tag_push_events": true,
            "merge_requests_events": true, "note_events": true, "releases_events": true, "enable_ssl_verification": true,
        }),
        Provider::Bitbucket => json!({
            "description": "AWS CodeBuild", "url": url, "active": true, "secret": secret,
            "events": ["repo:push", "pullrequest:created", "pullrequest:updated", "pullrequest:fulfilled",
                "pullrequest:rejected", "pullrequest:comment_created"],
        }),
    }
}
