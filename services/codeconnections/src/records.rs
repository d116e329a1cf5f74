//! What is stored of connections and hosts.

use std::collections::BTreeMap;

use aws::{Arn, Scope, Timestamp};
use githost::Provider;
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

/// A connection. Key: account, region, id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    pub id: Uuid,
    pub scope: Scope,
    /// The service's name in its ARN: that under which it was made.
    pub service: String,
    pub name: String,
    pub provider: Provider,
    pub host_arn: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub created: Timestamp,
    /// None while it is pending.
    pub authorization: Option<Authorization>,
}

/// What the operator gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// Where the repositories are. It stays what was authorised: a token goes nowhere else.
    pub git_url: String,
    pub user_name: String,
    pub sealed_token: String,
    pub sealed_webhook_secret: String,
    /// By which the connection is found when its webhook is knocked at.
    pub webhook_hash: String,
}

/// A Git host of one's own. Key: account, region, id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Its name and eight hexadecimal digits.
    pub id: String,
    pub scope: Scope,
    pub service: String,
    pub name: String,
    pub provider: Provider,
    pub endpoint: String,
    pub tags: BTreeMap<String, String>,
    /// Whether a connection to it was authorised.
    pub available: bool,
}

impl Connection {
    pub const WEBHOOK: &str = "webhook";
    pub const HOST: &str = "host";

    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn key_of(scope: &Scope, id: &str) -> Key {
        Self::in_scope(scope).and(id)
    }

    pub fn with_webhook(hash: &str) -> Key {
        Key::of(hash)
    }

    /// Index prefix of those to a host.
    pub fn to_host(host_arn: &str) -> Key {
        Key::of(host_arn)
    }

    pub fn arn(&self) -> String {
        arn(&self.scope, &self.service, "connection", &self.id.to_string())
    }

    pub fn token_purpose(&self) -> String {
        format!("codeconnections/{}/token", self.id)
    }

    pub fn webhook_purpose(&self) -> String {
        format!("codeconnections/{}/webhook", self.id)
    }
}

impl Host {
    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn key_of(scope: &Scope, id: &str) -> Key {
        Self::in_scope(scope).and(id)
    }

    pub fn arn(&self) -> String {
        arn(&self.scope, &self.service, "host", &self.id)
    }

    pub fn status(&self) -> &'static str {
        if self.available { "AVAILABLE" } else { "PENDING" }
    }
}

fn arn(scope: &Scope, service: &str, kind: &str, id: &str) -> String {
    let resource = format!("{kind}/{id}");
    Arn { service: service.to_owned(), ..scope.arn("codeconnections", resource) }.to_string()
}

impl Record for Connection {
    const KIND: &'static str = "codeconnections/connection";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.id.to_string())
    }

    fn indexes(&self) -> Vec<Index> {
        let webhook = self.authorization.as_ref().map(|given| Self::with_webhook(&given.webhook_hash));
        let host = self.host_arn.as_ref().map(|host| Self::to_host(host).and(self.id.to_string()));
        let webhook = webhook.map(|key| Index::new(Self::WEBHOOK, key));
        webhook.into_iter().chain(host.map(|key| Index::new(Self::HOST, key))).collect()
    }
}

impl Record for Host {
    const KIND: &'static str = "codeconnections/host";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.id)
    }
}
