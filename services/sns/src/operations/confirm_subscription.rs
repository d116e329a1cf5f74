use aws::{Access, Ctx};
use sns_model::{ConfirmSubscription, ConfirmSubscriptionOutput};
use store::Key;

use super::{find_topic, is_anonymous, on_topic};
use crate::Sns;
use crate::error::Error;
use crate::names::TopicName;
use crate::records::{Status, Subscription, Token};

/// Who has the token needs no signature: the endpoint follows a link.
pub(super) async fn access(sns: &Sns, ctx: &Ctx, input: &ConfirmSubscription) -> Result<Vec<Access>, Error> {
    if is_anonymous(ctx) { Ok(Vec::new()) } else { Ok(vec![on_topic(sns, ctx, &input.topic_arn).await?]) }
}

/// Confirms a subscription, or restores one that was cancelled. Twice is as good as once.
/// Errors: `InvalidParameter` for a token that is wrong or has expired, `TopicNotFound`, `AuthorizationError`.
/// Source: SNS API Reference, ConfirmSubscription.
pub(super) async fn confirm_subscription(
    sns: &Sns,
    ctx: &Ctx,
    input: ConfirmSubscription,
) -> Result<ConfirmSubscriptionOutput, Error> {
    let name = TopicName::parse(&input.topic_arn, "TopicArn")?;
    let signed = !is_anonymous(ctx);
    let authenticate =
        input.authenticate_on_unsubscribe.is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if authenticate && !signed {
        let message = "AuthenticateOnUnsubscribe asks for a signed call";
        return Err(Error::AuthorizationError(message.to_owned()));
    }
    let (hash, now) = (Token::hash_of(&input.token), ctx.now());
    let write = sns.store.write(move |tx| {
        let topic = find_topic(tx, &name)?;
        let found =
            tx.scan_index::<Subscription>(Subscription::TOKEN, Key::of(&hash), 1)?.into_records().pop();
        let is_good = |found: &Subscription| {
            found.topic_id == topic.id && found.token.as_ref().is_some_and(|token| token.expires > now)
        };
        let mut subscription = found.filter(is_good).ok_or_else(|| Error::invalid("Token"))?;
        if subscription.status != Status::Confirmed {
            subscription.status = Status::Confirmed;
            subscription.confirmed_with_signature = signed;
            subscription.authenticate_on_unsubscribe = authenticate;
            tx.put(&subscription)?;
        }
        Ok::<_, Error>(subscription.arn())
    });
    Ok(ConfirmSubscriptionOutput { subscription_arn: Some(write.await?) })
}
