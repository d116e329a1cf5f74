use aws::{Access, Ctx};
use sns_model::{GetSubscriptionAttributes, GetSubscriptionAttributesOutput};

use super::{find_own_subscription, find_topic, on_subscription, subscription_attributes};
use crate::Sns;
use crate::error::Error;
use crate::names::SubscriptionName;

pub(super) async fn access(
    sns: &Sns,
    ctx: &Ctx,
    input: &GetSubscriptionAttributes,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_subscription(sns, ctx, &input.subscription_arn).await?])
}

/// Errors: `SubscriptionNotFound`, `InvalidParameter`, `AuthorizationError`.
/// Source: SNS API Reference, GetSubscriptionAttributes.
pub(super) async fn get_subscription_attributes(
    sns: &Sns,
    ctx: &Ctx,
    input: GetSubscriptionAttributes,
) -> Result<GetSubscriptionAttributesOutput, Error> {
    let name = SubscriptionName::parse(&input.subscription_arn)?;
    let account = ctx.scope.account.to_string();
    let read = sns.store.read(move |tx| {
        let subscription = find_own_subscription(tx, &account, &name)?;
        let topic = find_topic(tx, &name.topic)?;
        Ok::<_, Error>(subscription_attributes::shown(&subscription, &topic))
    });
    Ok(GetSubscriptionAttributesOutput { attributes: Some(read.await?) })
}
