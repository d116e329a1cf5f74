//! The API: which operations are served, and on which resources the policies are asked.
//! Source of resources and condition keys: Service Authorization Reference, "Amazon SNS".

mod audit;
mod confirm_subscription;
mod create_topic;
mod delete_topic;
mod get_subscription_attributes;
mod get_topic_attributes;
mod list_subscriptions;
mod list_topics;
mod permission;
mod publication;
mod publish;
mod publish_batch;
mod set_subscription_attributes;
mod set_topic_attributes;
mod subscribe;
mod subscription_attributes;
mod tags;
mod topic_attributes;
mod unsubscribe;

use std::sync::Arc;

use aws::router::RouterBuilder;
use aws::{Access, Ctx, Principal, Router};
use sns_model as model;
use store::{Key, ReadTx, Versioned};

use crate::Sns;
use crate::error::Error;
use crate::names::{SubscriptionName, TopicName};
use crate::records::{Status, Subscription, Topic};

/// Results of one page. Source: SNS API Reference, ListTopics and ListSubscriptions.
const PAGE: usize = 100;

/// What is served.
pub fn router(sns: Arc<Sns>) -> Router {
    let builder = Router::of(&model::SNS, sns)
        .on_resolved::<model::CreateTopic, _, _>(create_topic::create_topic, create_topic::access)
        .on_resolved::<model::DeleteTopic, _, _>(delete_topic::delete_topic, delete_topic::access)
        .on::<model::ListTopics, _>(list_topics::list_topics, |_, _| {
            vec![Access::any().action("SNS:ListTopics")]
        })
        .on_resolved::<model::GetTopicAttributes, _, _>(
            get_topic_attributes::get_topic_attributes,
            get_topic_attributes::access,
        )
        .on_resolved::<model::SetTopicAttributes, _, _>(
            set_topic_attributes::set_topic_attributes,
            set_topic_attributes::access,
        )
        .on_resolved::<model::AddPermission, _, _>(permission::add_permission, permission::access_to_add)
        .on_resolved::<model::RemovePermission, _, _>(
            permission::remove_permission,
            permission::access_to_remove,
        )
        .on_resolved::<model::TagResource, _, _>(tags::tag_resource, tags::access_to_tag)
        .on_resolved::<model::UntagResource, _, _>(tags::untag_resource, tags::access_to_untag)
        .on_resolved::<model::ListTagsForResource, _, _>(tags::list_tags_for_resource, tags::access_to_list)
        .on_resolved::<model::Publish, _, _>(publish::publish, publish::access)
        .on_resolved::<model::PublishBatch, _, _>(publish_batch::publish_batch, publish_batch::access);
    with_subscriptions(builder).hiding(Arc::new(audit::Secrets), &audit::OPERATIONS).build()
}

fn with_subscriptions(builder: RouterBuilder<Sns>) -> RouterBuilder<Sns> {
    builder
        .on_resolved::<model::Subscribe, _, _>(subscribe::subscribe, subscribe::access)
        .on_resolved::<model::ConfirmSubscription, _, _>(
            confirm_subscription::confirm_subscription,
            confirm_subscription::access,
        )
        .on_resolved::<model::Unsubscribe, _, _>(unsubscribe::unsubscribe, unsubscribe::access)
        .on::<model::ListSubscriptions, _>(list_subscriptions::list_subscriptions, |_, _| {
            vec![Access::any().action("SNS:ListSubscriptions")]
        })
        .on_resolved::<model::ListSubscriptionsByTopic, _, _>(
            list_subscriptions::list_subscriptions_by_topic,
            list_subscriptions::access_by_topic,
        )
        .on_resolved::<model::GetSubscriptionAttributes, _, _>(
            get_subscription_attributes::get_subscription_attributes,
            get_subscription_attributes::access,
        )
        .on_resolved::<model::SetSubscriptionAttributes, _, _>(
            set_subscription_attributes::set_subscription_attributes,
            set_subscription_attributes::access,
        )
}

/// The topic with its policy and tags. A topic that is not there, or no ARN at all, is for the handler to refuse.
async fn on_topic(sns: &Sns, ctx: &Ctx, arn: &str) -> Result<Access, Error> {
    let access = Access::to(arn).action(&format!("SNS:{}", ctx.operation));
    let Ok(name) = TopicName::parse(arn, "TopicArn") else { return Ok(access) };
    let topic = sns.store.read(move |tx| tx.get::<Topic>(&Topic::key_of(&name))).await?;
    let Some(topic) = topic else { return Ok(access) };
    let tags = topic.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let mut access = access.with_resource_tags(tags);
    access.resource_policy = Some(Arc::from(topic.policy_text()));
    Ok(access)
}

/// The topic of a subscription.
async fn on_subscription(sns: &Sns, ctx: &Ctx, arn: &str) -> Result<Access, Error> {
    match SubscriptionName::parse(arn) {
        Ok(name) => on_topic(sns, ctx, &name.topic.arn()).await,
        Err(_) => Ok(Access::to(arn).action(&format!("SNS:{}", ctx.operation))),
    }
}

/// Errors: `TopicNotFound`.
fn find_topic(tx: &mut ReadTx<'_>, name: &TopicName) -> Result<Topic, Error> {
    let found = tx.get::<Topic>(&Topic::key_of(name))?.map(Versioned::into_inner);
    found.ok_or(Error::TopicNotFound)
}

/// The subscription of an ARN, unless it was cancelled or its topic was deleted.
fn look_subscription_up(tx: &mut ReadTx<'_>, name: &SubscriptionName) -> Result<Option<Subscription>, Error> {
    let found = tx.scan_index::<Subscription>(Subscription::ID, Key::of(name.id.to_string()), 1)?;
    let found = found.into_records().pop();
    let Some(subscription) = found.filter(|found| found.topic() == name.topic) else { return Ok(None) };
    let topic = tx.get::<Topic>(&Topic::key_of(&name.topic))?;
    let is_there = topic.is_some_and(|topic| topic.id == subscription.topic_id);
    Ok(Some(subscription).filter(|subscription| is_there && subscription.status != Status::Cancelled))
}

/// A subscription that the caller may see: its own, or one of its topic. Errors: `SubscriptionNotFound`,
/// `AuthorizationError`.
fn find_own_subscription(
    tx: &mut ReadTx<'_>,
    caller: &str,
    name: &SubscriptionName,
) -> Result<Subscription, Error> {
    let found = look_subscription_up(tx, name)?.ok_or(Error::SubscriptionNotFound)?;
    if is_owner(caller, &found) {
        Ok(found)
    } else {
        Err(Error::AuthorizationError("Not authorized".to_owned()))
    }
}

/// Whether an account subscribed, or has the topic.
fn is_owner(account: &str, subscription: &Subscription) -> bool {
    subscription.owner == account || subscription.topic_scope.account.as_str() == account
}

/// Who followed a link that a subscriber was sent did not sign.
fn is_anonymous(ctx: &Ctx) -> bool {
    matches!(ctx.caller.principal, Principal::Anonymous)
}

/// Where a page begins. Errors: `InvalidParameter` for a token that was not made here.
fn page_start(ctx: &Ctx, token: Option<&String>) -> Result<Option<Key>, Error> {
    let Some(token) = token else { return Ok(None) };
    let position = ctx.open_page_token(token).and_then(|bytes| Key::from_bytes(bytes).ok());
    position.map(Some).ok_or_else(|| Error::invalid("NextToken"))
}

fn page_end(ctx: &Ctx, next: Option<Key>) -> Option<String> {
    next.map(|key| ctx.seal_page_token(key.as_bytes()))
}
