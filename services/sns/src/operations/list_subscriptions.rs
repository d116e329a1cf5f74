use aws::{Access, Ctx};
use sns_model::{
    self as model, ListSubscriptions, ListSubscriptionsByTopic, ListSubscriptionsByTopicOutput,
    ListSubscriptionsOutput,
};
use store::Range;

use super::{PAGE, find_topic, on_topic, page_end, page_start};
use crate::Sns;
use crate::error::Error;
use crate::names::TopicName;
use crate::records::{Status, Subscription};

/// The subscriptions of the account to topics of the region, by topic.
/// Errors: `InvalidParameter` for a bad token. Source: SNS API Reference, ListSubscriptions.
pub(super) async fn list_subscriptions(
    sns: &Sns,
    ctx: &Ctx,
    input: ListSubscriptions,
) -> Result<ListSubscriptionsOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let owned = Subscription::of_owner(ctx.scope.account.as_str(), ctx.scope.region.as_str());
    let range = Range::prefix(owned).after(start);
    let read =
        sns.store.read(move |tx| tx.scan_index::<Subscription>(Subscription::OWNER, range.clone(), PAGE));
    let page = read.await?;
    let next_token = page_end(ctx, page.next.clone());
    let subscriptions = page.into_records().iter().map(shown).collect();
    Ok(ListSubscriptionsOutput { subscriptions: Some(subscriptions), next_token })
}

pub(super) async fn access_by_topic(
    sns: &Sns,
    ctx: &Ctx,
    input: &ListSubscriptionsByTopic,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_topic(sns, ctx, &input.topic_arn).await?])
}

/// Errors: `TopicNotFound`, `InvalidParameter`. Source: SNS API Reference, ListSubscriptionsByTopic.
pub(super) async fn list_subscriptions_by_topic(
    sns: &Sns,
    ctx: &Ctx,
    input: ListSubscriptionsByTopic,
) -> Result<ListSubscriptionsByTopicOutput, Error> {
    let name = TopicName::in_region(&input.topic_arn, "TopicArn", &ctx.scope)?;
    let start = page_start(ctx, input.next_token.as_ref())?;
    let read = sns.store.read(move |tx| {
        let topic = find_topic(tx, &name)?;
        let range = Range::prefix(Subscription::of_topic(topic.id)).after(start.clone());
        Ok::<_, Error>(tx.scan::<Subscription>(range, PAGE)?)
    });
    let page = read.await?;
    let next_token = page_end(ctx, page.next.clone());
    let subscriptions = page.into_records();
    let listed = subscriptions.iter().filter(|subscription| subscription.status != Status::Cancelled);
    Ok(ListSubscriptionsByTopicOutput { subscriptions: Some(listed.map(shown).collect()), next_token })
}

/// Lists do not show the ARN of a subscription that is not confirmed.
fn shown(subscription: &Subscription) -> model::Subscription {
    let arn = match subscription.status {
        Status::Confirmed | Status::Cancelled => subscription.arn(),
        Status::Pending => "PendingConfirmation".to_owned(),
    };
    model::Subscription {
        subscription_arn: Some(arn),
        owner: Some(subscription.owner.clone()),
        protocol: Some(subscription.protocol.as_str().to_owned()),
        endpoint: Some(subscription.endpoint.clone()),
        topic_arn: Some(subscription.topic().arn()),
    }
}
