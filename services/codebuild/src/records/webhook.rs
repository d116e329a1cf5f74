use aws::{Scope, Timestamp};
use codebuild_model as model;
use githost::{Provider, change::Change};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

use super::{api_json::in_api_json, in_scope};

/// The webhook of a project. Key: account, region, project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    pub scope: Scope,
    pub project: String,
    pub provider: Provider,
    /// The last part of the address that it listens at. Who knows it proves nothing by that.
    pub address: String,
    pub sealed_secret: String,
    /// One that the host was told and has not confirmed: it may sign with either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_next_secret: Option<String>,
    pub secret_modified: Timestamp,
    /// Under which address the host's API has it. None until the host has confirmed it, and if its user registers it himself.
    pub url: Option<String>,
    pub settings: WebhookSettings,
}

/// Filters, kind of build and policy, in the API's own JSON: a document of the user's, not of ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WebhookSettings(pub model::Webhook);

in_api_json!(WebhookSettings, model::WEBHOOK, "a webhook's settings");

impl Webhook {
    pub const ADDRESS: &'static str = "address";

    pub fn key_of(scope: &Scope, project: &str) -> Key {
        in_scope(scope).and(project)
    }

    pub fn at(address: &str) -> Key {
        Key::of(address)
    }

    /// What the secret is sealed for.
    pub fn purpose(scope: &Scope, project: &str) -> String {
        format!("codebuild/{}/{}/webhook/{project}", scope.account, scope.region.as_str())
    }

    /// Made, and not confirmed by the host: it may have it or not.
    pub fn is_unfinished(&self) -> bool {
        self.url.is_none() && !self.is_manual()
    }

    pub fn is_manual(&self) -> bool {
        self.settings.0.manual_creation == Some(true)
    }
}

impl Record for Webhook {
    const KIND: &'static str = "codebuild/webhook";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.project)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new(Self::ADDRESS, Self::at(&self.address))]
    }
}

/// What a host has delivered. It stays for a while, so that it is known again. Key: address, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub scope: Scope,
    pub project: String,
    pub address: String,
    /// That of a repeated delivery is the same.
    pub name: String,
    pub received: Timestamp,
    /// Who sent it, as he calls himself.
    pub sender: String,
    /// Those that have not been decided yet.
    pub changes: Vec<Change>,
}

impl Delivery {
    pub const RECEIVED: &'static str = "received";

    pub fn key_of(address: &str, name: &str) -> Key {
        Key::of(address).and(name)
    }
}

impl Record for Delivery {
    const KIND: &'static str = "codebuild/delivery";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.address, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new(Self::RECEIVED, Key::empty().and_i64(self.received.as_millis()).join(&self.key()))]
    }
}

/// A pull request whose build waits for somebody's approval. Key: account, region, project, repository and id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Withheld {
    pub scope: Scope,
    pub project: String,
    /// Of the webhook that it came by.
    pub address: String,
    /// As [`Withheld::name`] has it.
    pub request: String,
    pub sender: String,
    pub since: Timestamp,
    pub change: Change,
}

impl Withheld {
    pub const SINCE: &'static str = "since";

    /// `owner/name#7`, for an organisation has many of a number.
    pub fn name(repository: &str, id: &str) -> String {
        format!("{}#{id}", repository.to_ascii_lowercase())
    }

    pub fn key_of(scope: &Scope, project: &str, request: &str) -> Key {
        in_scope(scope).and(project).and(request)
    }
}

impl Record for Withheld {
    const KIND: &'static str = "codebuild/withheld-pull-request";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.project, &self.request)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new(Self::SINCE, Key::empty().and_i64(self.since.as_millis()).join(&self.key()))]
    }
}

/// What a webhook has told the build that it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookStart {
    pub event: String,
    /// `pr/7`, `branch/main`, `tag/v1`
    pub trigger: String,
    pub head_ref: Option<String>,
    pub base_ref: Option<String>,
    pub actor: Option<String>,
    pub previous_commit: Option<String>,
    pub merge_commit: Option<String>,
    /// Whose status is reported. None of a release, which is known by its tag.
    pub commit: Option<String>,
}
