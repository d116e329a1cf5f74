//! GitHub's side of a webhook: it is told the address, with the token of the source action.
//! Source: GitHub REST API, "Repository webhooks".

use std::collections::BTreeMap;

use aws::remote::Transport;
use aws::{Scope, Secret};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::address;
use super::authentication::Authentication;
use crate::CodePipeline;
use crate::catalogue::Owner;
use crate::error::Error;
use crate::operations::{current_definition, find_pipeline, find_webhook};
use crate::records::{Secrets, Webhook};
use crate::secrets;

/// GitHub admits 20 webhooks of one kind in a repository; pages beyond this one cannot be full of ours.
const PAGE: usize = 100;
/// Characters of an answer that a message quotes.
const QUOTED: usize = 300;

/// A repository of GitHub and the webhook that it is to deliver to.
pub(crate) struct GitHub {
    /// `https://api.github.com/repos/OWNER/REPO/hooks`
    hooks: String,
    token: Secret,
    /// The webhook's address.
    url: String,
    secret: Option<Secret>,
}

impl GitHub {
    /// Errors: `WebhookNotFound`; `Validation` where the target is no action of GitHub, or no API is configured.
    pub(crate) async fn of(
        codepipeline: &CodePipeline,
        scope: Scope,
        name: Option<String>,
    ) -> Result<Self, Error> {
        let name = name.ok_or_else(|| Error::Validation("A webhookName must be given".to_owned()))?;
        let (webhook, configuration, secrets) = find(codepipeline, scope, name).await?;
        let sealer = &codepipeline.sealer;
        let missing = |what: &str| Error::Validation(format!("The source action has no {what}"));
        let part =
            |key: &str| configuration.get(key).filter(|value| is_part(value)).ok_or_else(|| missing(key));
        let mut opened =
            secrets::open(&secrets, sealer, &secrets_stage(&secrets, &webhook), &webhook.target_action)
                .map_err(Error::internal)?;
        let token = opened.remove("OAuthToken").ok_or_else(|| missing("OAuthToken"))?;
        let api = codepipeline.config.github_api.as_deref().ok_or_else(|| {
            let message =
                "The webhook cannot be registered: no API of GitHub is configured here (github.api)";
            Error::Validation(message.to_owned())
        })?;
        let secret = match &webhook.authentication {
            Authentication::GithubHmac { sealed_secret } => {
                let secret = sealer.open_text(&webhook.secret_purpose(), sealed_secret);
                Some(Secret::new(secret.map_err(Error::internal)?))
            }
            Authentication::Ip { .. } | Authentication::Unauthenticated => None,
        };
        let address = sealer.open_text(&webhook.address_purpose(), &webhook.sealed_address);
        Ok(Self {
            hooks: format!("{}/repos/{}/{}/hooks", api.trim_end_matches('/'), part("Owner")?, part("Repo")?),
            token,
            url: address::url(&codepipeline.config.endpoint, &address.map_err(Error::internal)?),
            secret,
        })
    }

    /// What GitHub has of this webhook is replaced: a call that is repeated registers nothing twice.
    pub(crate) async fn register(&self) -> Result<(), Error> {
        let mut config = json!({"url": self.url, "content_type": "json", "insecure_ssl": "0"});
        if let Some(secret) = &self.secret {
            config["secret"] = json!(secret.reveal());
        }
        let hook = json!({"name": "web", "active": true, "events": ["push"], "config": config});
        match self.find().await? {
            Some(id) => self.call(Method::PATCH, &format!("/{id}"), Some(&hook)).await.map(drop),
            None => self.call(Method::POST, "", Some(&hook)).await.map(drop),
        }
    }

    pub(crate) async fn deregister(&self) -> Result<(), Error> {
        match self.find().await? {
            Some(id) => self.call(Method::DELETE, &format!("/{id}"), None).await.map(drop),
            None => Ok(()),
        }
    }

    /// The number under which GitHub has this webhook.
    async fn find(&self) -> Result<Option<u64>, Error> {
        let known = self.call(Method::GET, &format!("?per_page={PAGE}"), None).await?;
        let ours = |hook: &&Value| hook.pointer("/config/url").and_then(Value::as_str) == Some(&self.url);
        let found = known.as_array().into_iter().flatten().find(ours);
        Ok(found.and_then(|hook| hook["id"].as_u64()))
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let failed =
            |why: String| Error::Validation(format!("GitHub could not be told of the webhook: {why}"));
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.hooks))
            .header("accept", "application/vnd.github+json")
            .header("user-agent", "Stagewright")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token.reveal()))
            .body(Bytes::from(body.map(Value::to_string).unwrap_or_default()))
            .map_err(|_| failed("the address of its API is none".to_owned()))?;
        let transport = match request.uri().scheme_str() {
            Some("https") => Transport::tls().map_err(Error::internal)?,
            _ => Transport::plain(),
        };
        let answer = transport.send(request).await.map_err(|error| failed(error.message))?;
        let (status, body) = (answer.status(), answer.into_body());
        if status.is_success() {
            return Ok(serde_json::from_slice(&body).unwrap_or(Value::Null));
        }
        if status == StatusCode::UNAUTHORIZED {
            return Err(failed("the OAuthToken of the source action is not valid".to_owned()));
        }
        let said = String::from_utf8_lossy(&body);
        let said: String = said.chars().take(QUOTED).collect();
        Err(failed(format!("it answered {status} ({said})")))
    }
}

/// A part of an address that leads nowhere else.
fn is_part(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(fits) && !text.bytes().all(|byte| byte == b'.')
}

fn secrets_stage(secrets: &Secrets, webhook: &Webhook) -> String {
    let of_action = secrets.values.iter().find(|secret| secret.action == webhook.target_action);
    of_action.map(|secret| secret.stage.clone()).unwrap_or_default()
}

/// The webhook, the configuration of its source action, and the secrets of its pipeline.
async fn find(
    codepipeline: &CodePipeline,
    scope: Scope,
    name: String,
) -> Result<(Webhook, BTreeMap<String, String>, Secrets), Error> {
    let definitions = codepipeline.definitions.clone();
    let read = codepipeline.store.read(move |tx| {
        let webhook = find_webhook(tx, &scope, &name)?;
        let pipeline = match find_pipeline(tx, &scope, &webhook.target_pipeline) {
            Err(gone @ Error::PipelineNotFound { .. }) => return Err(Error::Validation(gone.to_string())),
            found => found?,
        };
        let definition = current_definition(tx, &definitions, &pipeline)?;
        let is_github = |action: &&codepipeline_model::ActionDeclaration| {
            let id = &action.action_type_id;
            let kind = (id.category.as_str(), id.owner.as_str(), id.provider.as_str());
            action.name == webhook.target_action && kind == ("Source", Owner::ThirdParty.as_str(), "GitHub")
        };
        let action = definition.actions().map(|(_, action)| action).find(is_github).ok_or_else(|| {
            let action = &webhook.target_action;
            Error::Validation(format!(
                "Only webhooks of GitHub actions can be registered; '{action}' is none"
            ))
        })?;
        let configuration = action.configuration.clone().unwrap_or_default();
        let secrets = tx.get::<Secrets>(&Secrets::key_of(pipeline.id, pipeline.version))?;
        let none = Secrets { pipeline: pipeline.id, version: pipeline.version, values: Vec::new() };
        Ok((webhook, configuration, secrets.map_or(none, store::Versioned::into_inner)))
    });
    read.await
}

#[cfg(test)]
mod tests {
    use super::is_part;

    #[test]
    fn names_lead_nowhere_else() {
        assert!(is_part("my-org") && is_part("site.github.io"));
        for bad in ["", ".", "..", "a/b", "a?b", "a b", "ä"] {
            assert!(!is_part(bad), "{bad}");
        }
    }
}
