//! The API: which operations are served, and on which resources the policies are asked.
//! Source of resources and condition keys: Service Authorization Reference, "AWS CodeStar Notifications".

mod create_notification_rule;
mod delete_notification_rule;
mod delete_target;
mod describe_notification_rule;
mod list_event_types;
mod list_notification_rules;
mod list_targets;
mod subscription;
mod tags;
mod targets;
mod update_notification_rule;

use std::sync::Arc;

use aws::{Access, Ctx, Router, Scope};
use codestar_notifications_model as model;
use store::{ReadTx, Versioned};

use crate::CodeStarNotifications;
use crate::error::Error;
use crate::event_types::{self, Service};
use crate::records::Rule;

/// Of an account and region. Source: CodeStar Notifications quotas.
const MOST_RULES: usize = 1_000;
/// Results of one page, if the call does not say how many.
const PAGE: usize = 100;

/// What is served.
pub fn router(notifications: Arc<CodeStarNotifications>) -> Router {
    Router::of(&model::CODESTAR_NOTIFICATIONS, notifications)
        .on::<model::CreateNotificationRule, _>(
            create_notification_rule::create_notification_rule,
            create_notification_rule::access,
        )
        .on_resolved::<model::DescribeNotificationRule, _, _>(
            describe_notification_rule::describe_notification_rule,
            describe_notification_rule::access,
        )
        .on_resolved::<model::UpdateNotificationRule, _, _>(
            update_notification_rule::update_notification_rule,
            update_notification_rule::access,
        )
        .on_resolved::<model::DeleteNotificationRule, _, _>(
            delete_notification_rule::delete_notification_rule,
            delete_notification_rule::access,
        )
        .on_resolved::<model::Subscribe, _, _>(subscription::subscribe, subscription::access_to_subscribe)
        .on_resolved::<model::Unsubscribe, _, _>(
            subscription::unsubscribe,
            subscription::access_to_unsubscribe,
        )
        .on::<model::DeleteTarget, _>(delete_target::delete_target, |_, _| vec![Access::any()])
        .on::<model::ListEventTypes, _>(list_event_types::list_event_types, |_, _| vec![Access::any()])
        .on::<model::ListNotificationRules, _>(list_notification_rules::list_notification_rules, |_, _| {
            vec![Access::any()]
        })
        .on::<model::ListTargets, _>(list_targets::list_targets, |_, _| vec![Access::any()])
        .on_resolved::<model::ListTagsForResource, _, _>(tags::list_tags_for_resource, tags::access_to_list)
        .on_resolved::<model::TagResource, _, _>(tags::tag_resource, tags::access_to_tag)
        .on_resolved::<model::UntagResource, _, _>(tags::untag_resource, tags::access_to_untag)
        .build()
}

/// The rule with its tags and the resource that it is about. One that is not there is for the handler to refuse.
async fn on_rule(notifications: &CodeStarNotifications, ctx: &Ctx, arn: &str) -> Result<Access, Error> {
    let access = Access::to(arn);
    let Some(id) = id_of(arn, &ctx.scope) else { return Ok(access) };
    let key = Rule::key_of(&ctx.scope, &id);
    let Some(rule) = notifications.store.read(move |tx| tx.get::<Rule>(&key)).await? else {
        return Ok(access);
    };
    let tags = rule.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    Ok(access
        .with_resource_tags(tags)
        .when("codestar-notifications:NotificationsForResource", rule.resource.as_str()))
}

/// The id of a rule of the caller's account and region.
fn id_of(arn: &str, scope: &Scope) -> Option<String> {
    let parsed: aws::Arn = arn.parse().ok()?;
    let id = parsed.resource.strip_prefix("notificationrule/")?.to_owned();
    (parsed == scope.arn("codestar-notifications", &parsed.resource)).then_some(id)
}

/// Errors: `RuleNotFound`.
fn find_rule(tx: &mut ReadTx<'_>, scope: &Scope, arn: &str) -> Result<Rule, Error> {
    let not_found = || Error::RuleNotFound(arn.to_owned());
    let id = id_of(arn, scope).ok_or_else(not_found)?;
    let found = tx.get::<Rule>(&Rule::key_of(scope, &id))?.map(Versioned::into_inner);
    found.ok_or_else(not_found)
}

/// The service of a resource that rules can be made for here.
/// Errors: `Validation`, `NotImplemented` for services that are not served.
fn service_of(resource: &str, scope: &Scope) -> Result<Service, Error> {
    let invalid = || Error::validation(format!("The resource '{resource}' cannot have notification rules."));
    let arn: aws::Arn = resource.parse().map_err(|_| invalid())?;
    if arn.account != scope.account.as_str() || arn.region != scope.region.as_str() {
        let message =
            format!("The resource '{resource}' must be in the account and region of the notification rule.");
        return Err(Error::Validation(message));
    }
    match Service::of_resource(&arn).ok_or_else(invalid)? {
        Service::CodeDeploy => {
            Err(Error::NotImplemented("Notification rules for CodeDeploy are not built yet.".to_owned()))
        }
        service @ (Service::CodeBuild | Service::CodeCommit | Service::CodePipeline) => Ok(service),
    }
}

/// Errors: `Validation` for types that are unknown or of another service.
fn check_event_types(ids: &[String], service: Service) -> Result<(), Error> {
    if ids.is_empty() {
        return Err(Error::validation("A notification rule must have at least one event type."));
    }
    let is_fitting = |id: &&String| event_types::find(id).is_some_and(|found| found.service == service);
    match ids.iter().find(|id| !is_fitting(id)) {
        Some(id) => Err(Error::Validation(format!(
            "The event type '{id}' is not valid for resources of {}.",
            service.name()
        ))),
        None => Ok(()),
    }
}

fn event_type(id: &str) -> model::EventTypeSummary {
    let found = event_types::find(id);
    model::EventTypeSummary {
        event_type_id: Some(id.to_owned()),
        service_name: found.map(|found| found.service.name().to_owned()),
        event_type_name: found.map(|found| found.name.to_owned()),
        resource_type: found.map(|found| found.service.resource_type().to_owned()),
    }
}

/// Cuts a page out of a whole list, which is bounded. Errors: `InvalidNextToken`.
fn page<T>(
    ctx: &Ctx,
    all: Vec<T>,
    token: Option<&String>,
    asked: Option<i32>,
) -> Result<(Vec<T>, Option<String>), Error> {
    let start =
        token.map(|token| position(ctx, token).ok_or(Error::InvalidNextToken)).transpose()?.unwrap_or(0);
    let size = asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let end = start.saturating_add(size);
    // The model's pattern of tokens leaves out characters that sealed ones have.
    let more = (end < all.len()).then(|| hex::encode(ctx.seal_page_token(&(end as u64).to_be_bytes())));
    Ok((all.into_iter().skip(start).take(size).collect(), more))
}

fn position(ctx: &Ctx, token: &str) -> Option<usize> {
    let sealed = String::from_utf8(hex::decode(token).ok()?).ok()?;
    let bytes: [u8; 8] = ctx.open_page_token(&sealed)?.try_into().ok()?;
    usize::try_from(u64::from_be_bytes(bytes)).ok()
}
