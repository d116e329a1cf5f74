use aws::{Access, Ctx};
use sns_model::{SetSubscriptionAttributes, SetSubscriptionAttributesOutput};

use super::{find_own_subscription, on_subscription, subscription_attributes};
use crate::Sns;
use crate::error::Error;
use crate::names::SubscriptionName;

pub(super) async fn access(
    sns: &Sns,
    ctx: &Ctx,
    input: &SetSubscriptionAttributes,
) -> Result<Vec<Access>, Error> {
    Ok(vec![on_subscription(sns, ctx, &input.subscription_arn).await?])
}

/// What is published from now on is delivered by the new attributes.
/// Errors: `SubscriptionNotFound`, `InvalidParameter`, `NotImplemented`, `AuthorizationError`.
/// Source: SNS API Reference, SetSubscriptionAttributes.
pub(super) async fn set_subscription_attributes(
    sns: &Sns,
    ctx: &Ctx,
    input: SetSubscriptionAttributes,
) -> Result<SetSubscriptionAttributesOutput, Error> {
    let name = SubscriptionName::parse(&input.subscription_arn)?;
    let account = ctx.scope.account.to_string();
    let value = input.attribute_value.unwrap_or_default();
    let write = sns.store.write(move |tx| {
        let mut subscription = find_own_subscription(tx, &account, &name)?;
        subscription_attributes::set(&mut subscription, &input.attribute_name, &value, "")?;
        subscription_attributes::check(&subscription, "")?;
        tx.put(&subscription)?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(SetSubscriptionAttributesOutput::default())
}
