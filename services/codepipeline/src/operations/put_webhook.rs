use std::collections::BTreeMap;

use aws::{Ctx, Scope};
use codepipeline_model::{
    ListWebhookItem, PutWebhook, PutWebhookOutput, WebhookAuthConfiguration, WebhookAuthenticationType,
    WebhookDefinition, WebhookFilterRule,
};
use store::{Range, ReadTx, Versioned, WriteTx};
use uuid::Uuid;

use crate::definition::Definition;
use crate::error::Error;
use crate::records::Webhook;
use crate::secrets::MASK;
use crate::webhooks::authentication::{Asked, Authentication};
use crate::webhooks::filter::Filter;
use crate::webhooks::{LIMIT, address};
use crate::{CodePipeline, tags};

/// Makes a webhook, or changes the one of the name, which keeps its address; the mask in the place of its secret keeps
/// that as well.
/// Errors: `PipelineNotFound`, `Validation` (the target is no source action), `InvalidWebhookFilterPattern`,
/// `InvalidWebhookAuthenticationParameters`, `TooManyWebhooks`, `InvalidTags`, `TooManyTags`.
/// Source: CodePipeline API Reference, PutWebhook.
pub(super) async fn put_webhook(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: PutWebhook,
) -> Result<PutWebhookOutput, Error> {
    let asked = Asked::of(&input.webhook.authentication, &input.webhook.authentication_configuration)
        .map_err(Error::InvalidWebhookAuthenticationParameters)?;
    let filters = filters(&input.webhook.filters)?;
    let sealer = codepipeline.sealer.clone();
    let (scope, definitions) = (ctx.scope.clone(), codepipeline.definitions.clone());
    let (new_id, new_token) = (Uuid::new_v4(), address::new_token());
    let write = codepipeline.store.write(move |tx| {
        let wanted = &input.webhook;
        let pipeline = super::find_pipeline(tx, &scope, &wanted.target_pipeline)?;
        let definition = super::current_definition(tx, &definitions, &pipeline)?;
        check_target(&definition, &wanted.target_action)?;
        let known = tx.get::<Webhook>(&Webhook::key_of(&scope, &wanted.name))?.map(Versioned::into_inner);
        let mut webhook = match known {
            Some(known) => known,
            None => make(tx, &scope, wanted, new_id)?,
        };
        if webhook.sealed_address.is_empty() {
            webhook.address_hash = address::hash(&new_token);
            webhook.sealed_address =
                sealer.seal(&webhook.address_purpose(), new_token.as_bytes()).map_err(Error::internal)?;
        }
        webhook.authentication = match (&asked, &webhook.authentication) {
            (Asked::GithubHmac { secret }, Authentication::GithubHmac { sealed_secret })
                if secret == MASK =>
            {
                Authentication::GithubHmac { sealed_secret: sealed_secret.clone() }
            }
            (Asked::GithubHmac { secret }, _) if secret == MASK => {
                let message = format!("'{MASK}' may be given as SecretToken only for a webhook that has one");
                return Err(Error::InvalidWebhookAuthenticationParameters(message));
            }
            (Asked::GithubHmac { secret }, _) => {
                let sealed = sealer.seal(&webhook.secret_purpose(), secret.as_bytes());
                Authentication::GithubHmac { sealed_secret: sealed.map_err(Error::internal)? }
            }
            (Asked::Ip { allowed_range }, _) => Authentication::Ip { allowed_range: *allowed_range },
            (Asked::Unauthenticated, _) => Authentication::Unauthenticated,
        };
        webhook.target_pipeline.clone_from(&wanted.target_pipeline);
        webhook.target_action.clone_from(&wanted.target_action);
        webhook.filters.clone_from(&filters);
        tags::add(&mut webhook.tags, input.tags.as_deref().unwrap_or_default(), &wanted.name)?;
        tx.put(&webhook)?;
        Ok(webhook)
    });
    let webhook = write.await?;
    Ok(PutWebhookOutput { webhook: Some(item(codepipeline, &webhook)?) })
}

fn filters(rules: &[WebhookFilterRule]) -> Result<Vec<Filter>, Error> {
    let filters = rules.iter().map(|rule| {
        let filter = Filter { json_path: rule.json_path.clone(), match_equals: rule.match_equals.clone() };
        filter.check().map_err(|why| {
            let message =
                format!("'{}' is no JSONPath expression that can be used here: {why}", filter.json_path);
            Error::InvalidWebhookFilterPattern(message)
        })?;
        Ok(filter)
    });
    filters.collect()
}

fn check_target(definition: &Definition, action: &str) -> Result<(), Error> {
    let found = definition.actions().map(|(_, declared)| declared).find(|declared| declared.name == action);
    match found {
        Some(declared) if declared.action_type_id.category.as_str() == "Source" => Ok(()),
        Some(_) => Err(Error::Validation(format!("Action '{action}' is not a source action"))),
        None => Err(Error::Validation(format!("The pipeline has no action with the name '{action}'"))),
    }
}

fn make(tx: &mut WriteTx<'_>, scope: &Scope, wanted: &WebhookDefinition, id: Uuid) -> Result<Webhook, Error> {
    if count(tx, scope)? >= LIMIT {
        return Err(Error::TooManyWebhooks);
    }
    Ok(Webhook {
        id,
        scope: scope.clone(),
        name: wanted.name.clone(),
        target_pipeline: String::new(),
        target_action: String::new(),
        filters: Vec::new(),
        authentication: Authentication::Unauthenticated,
        address_hash: String::new(),
        sealed_address: String::new(),
        tags: BTreeMap::new(),
        last_triggered: None,
        failure: None,
    })
}

fn count(tx: &mut ReadTx<'_>, scope: &Scope) -> Result<usize, store::Error> {
    Ok(tx.scan::<Webhook>(Range::prefix(Webhook::in_scope(scope)), LIMIT)?.records.len())
}

/// A webhook as the API shows it. Errors: its address cannot be opened.
pub(super) fn item(codepipeline: &CodePipeline, webhook: &Webhook) -> Result<ListWebhookItem, Error> {
    let opened = codepipeline.sealer.open_text(&webhook.address_purpose(), &webhook.sealed_address);
    let token = opened.map_err(Error::internal)?;
    let mut shown = WebhookAuthConfiguration::default();
    let authentication = match &webhook.authentication {
        Authentication::GithubHmac { .. } => {
            shown.secret_token = Some(MASK.to_owned());
            WebhookAuthenticationType::GithubHmac
        }
        Authentication::Ip { allowed_range } => {
            shown.allowed_ip_range = Some(allowed_range.to_string());
            WebhookAuthenticationType::Ip
        }
        Authentication::Unauthenticated => WebhookAuthenticationType::Unauthenticated,
    };
    let rule = |filter: &Filter| WebhookFilterRule {
        json_path: filter.json_path.clone(),
        match_equals: filter.match_equals.clone(),
    };
    Ok(ListWebhookItem {
        definition: WebhookDefinition {
            name: webhook.name.clone(),
            target_pipeline: webhook.target_pipeline.clone(),
            target_action: webhook.target_action.clone(),
            filters: webhook.filters.iter().map(rule).collect(),
            authentication,
            authentication_configuration: shown,
        },
        url: address::url(&codepipeline.config.endpoint, &token),
        error_message: webhook.failure.as_ref().map(|failure| failure.message.clone()),
        error_code: webhook.failure.as_ref().map(|failure| failure.code.to_string()),
        last_triggered: webhook.last_triggered,
        arn: Some(webhook.arn()),
        tags: Some(tags::list(&webhook.tags)).filter(|tags| !tags.is_empty()),
    })
}
