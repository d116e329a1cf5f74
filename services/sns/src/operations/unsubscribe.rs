use aws::{Access, Ctx};
use sns_model::{Unsubscribe, UnsubscribeOutput};

use super::subscribe::renew_token;
use super::{is_anonymous, is_owner, look_subscription_up};
use crate::Sns;
use crate::delivery::enqueue_farewell;
use crate::error::Error;
use crate::names::SubscriptionName;
use crate::records::{Status, Subscription};

/// Who has the subscription's ARN needs no signature, unless its endpoint asked for one.
pub(super) async fn access(_sns: &Sns, ctx: &Ctx, _input: &Unsubscribe) -> Result<Vec<Access>, Error> {
    if is_anonymous(ctx) { Ok(Vec::new()) } else { Ok(vec![Access::any().action("SNS:Unsubscribe")]) }
}

/// Ends a subscription; one that is not there has ended already. Without a signature the endpoint is told, and may take
/// it back.
/// Errors: `InvalidParameter`, `AuthorizationError`. Source: SNS API Reference, Unsubscribe.
pub(super) async fn unsubscribe(
    sns: &Sns,
    ctx: &Ctx,
    input: Unsubscribe,
) -> Result<UnsubscribeOutput, Error> {
    let name = SubscriptionName::parse(&input.subscription_arn)?;
    let (anonymous, account) = (is_anonymous(ctx), ctx.scope.account.to_string());
    let (now, sealer) = (ctx.now(), sns.sealer.clone());
    let write = sns.store.write(move |tx| {
        let Some(mut subscription) = look_subscription_up(tx, &name)? else { return Ok(()) };
        let may = match anonymous {
            true => !subscription.authenticate_on_unsubscribe,
            false => is_owner(&account, &subscription),
        };
        if !may {
            let message = "The subscription can be ended by its owner and by the owner of its topic only";
            return Err(Error::AuthorizationError(message.to_owned()));
        }
        if anonymous && subscription.status == Status::Confirmed {
            subscription.status = Status::Cancelled;
            // The token of its confirmation was for something else.
            subscription.token = None;
            renew_token(tx, &sealer, &mut subscription, now)?;
            tx.put(&subscription)?;
            enqueue_farewell(tx, &subscription, now)?;
        } else {
            tx.delete::<Subscription>(&Subscription::key_of(subscription.topic_id, subscription.id))?;
        }
        Ok(())
    });
    write.await?;
    Ok(UnsubscribeOutput::default())
}
