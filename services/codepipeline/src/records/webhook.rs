use std::collections::BTreeMap;

use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use crate::webhooks::authentication::Authentication;
use crate::webhooks::filter::Filter;

/// A webhook by name. Key: account, region, name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// What its secrets are sealed for; one that is deleted and made again is another.
    pub id: Uuid,
    pub scope: Scope,
    pub name: String,
    pub target_pipeline: String,
    pub target_action: String,
    pub filters: Vec<Filter>,
    pub authentication: Authentication,
    /// By which it is found.
    pub address_hash: String,
    /// The last part of its address.
    pub sealed_address: String,
    pub tags: BTreeMap<String, String>,
    /// When it last started an execution.
    pub last_triggered: Option<Timestamp>,
    /// Why the last delivery started nothing; none once one did.
    pub failure: Option<WebhookFailure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookFailure {
    /// A status of HTTP.
    pub code: u16,
    pub message: String,
    pub at: Timestamp,
}

impl Webhook {
    pub const ADDRESS: &str = "address";

    pub fn key_of(scope: &Scope, name: &str) -> Key {
        Self::in_scope(scope).and(name)
    }

    /// The prefix of all webhooks of an account and region.
    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    pub fn with_address(hash: &str) -> Key {
        Key::of(hash)
    }

    pub fn arn(&self) -> String {
        arn(&self.scope, &self.name).to_string()
    }

    /// What its address is sealed for.
    pub fn address_purpose(&self) -> String {
        format!("codepipeline/webhook/{}/address", self.id)
    }

    /// What its secret is sealed for.
    pub fn secret_purpose(&self) -> String {
        format!("codepipeline/webhook/{}/secret", self.id)
    }
}

/// Source: Service Authorization Reference, CodePipeline.
pub fn arn(scope: &Scope, name: &str) -> aws::Arn {
    scope.arn("codepipeline", format!("webhook:{name}"))
}

impl Record for Webhook {
    const KIND: &'static str = "codepipeline/webhook";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.name)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new(Self::ADDRESS, Self::with_address(&self.address_hash))]
    }
}
