use std::time::Duration;

use aws::{Access, Ctx, Timestamp};
use seal::Sealer;
use sns_model::{Subscribe, SubscribeOutput};
use store::WriteTx;
use uuid::Uuid;

use super::{find_topic, on_topic, subscription_attributes};
use crate::Sns;
use crate::delivery::{Mailer, check_url, cleanup, enqueue_confirmation};
use crate::error::Error;
use crate::names::{self, TopicName};
use crate::records::{FilterScope, Protocol, Status, Subscription, Token, Topic};

/// Source: SNS API Reference, ConfirmSubscription.
const TOKEN_LASTS: Duration = Duration::from_secs(2 * 24 * 60 * 60);
/// What AWS has beside what is served here.
const OTHER_PROTOCOLS: [&str; 4] = ["lambda", "sms", "application", "firehose"];

pub(super) async fn access(sns: &Sns, ctx: &Ctx, input: &Subscribe) -> Result<Vec<Access>, Error> {
    let mut access = on_topic(sns, ctx, &input.topic_arn).await?.when("sns:Protocol", &input.protocol);
    if let Some(endpoint) = &input.endpoint {
        access = access.when("sns:Endpoint", endpoint);
    }
    Ok(vec![access])
}

/// Subscribes an endpoint, which is asked to confirm. A subscription that is there already is answered; if it is not
/// confirmed yet, its endpoint is asked again.
/// Errors: `TopicNotFound`, `InvalidParameter`, `NotImplemented`. Source: SNS API Reference, Subscribe.
pub(super) async fn subscribe(sns: &Sns, ctx: &Ctx, input: Subscribe) -> Result<SubscribeOutput, Error> {
    let name = TopicName::in_region(&input.topic_arn, "TopicArn", &ctx.scope)?;
    let protocol = protocol(sns, &input.protocol)?;
    let endpoint = input.endpoint.ok_or_else(|| Error::invalid("Endpoint"))?;
    check_endpoint(protocol, &endpoint, &name)?;
    let given = input.attributes.unwrap_or_default();
    let (id, now, sealer) = (Uuid::new_v4(), ctx.now(), sns.sealer.clone());
    let (owner, principal) = (ctx.scope.account.to_string(), ctx.caller.principal.arn());
    let write = sns.store.write(move |tx| {
        let topic = find_topic(tx, &name)?;
        let mut new = new_subscription(&topic, id, protocol, &endpoint, now);
        new.owner.clone_from(&owner);
        new.principal.clone_from(&principal);
        for (attribute, value) in &given {
            subscription_attributes::set(&mut new, attribute, value, "Attributes Reason: ")?;
        }
        subscription_attributes::check(&new, "Attributes Reason: ")?;
        let index = Subscription::at_endpoint(topic.id, protocol, &endpoint);
        let known = tx.scan_index::<Subscription>(Subscription::ENDPOINT, index, 1)?.into_records().pop();
        let Some(mut known) = known else {
            if protocol == Protocol::Sqs {
                // Its policy says what the topic may send, so nobody has to be asked.
                new.status = Status::Confirmed;
                new.confirmed_with_signature = true;
                tx.put(&new)?;
            } else {
                ask(tx, &sealer, &mut new, now)?;
            }
            return Ok(new);
        };
        if given.keys().any(|name| !subscription_attributes::is_same(&known, &new, name)) {
            let reason = "Attributes Reason: Subscription already exists with different attributes";
            return Err(Error::invalid(reason));
        }
        if known.status == Status::Pending {
            ask(tx, &sealer, &mut known, now)?;
        }
        Ok(known)
    });
    let subscription = write.await?;
    let shows_arn = subscription.status == Status::Confirmed || input.return_subscription_arn == Some(true);
    let arn = if shows_arn { subscription.arn() } else { "pending confirmation".to_owned() };
    Ok(SubscribeOutput { subscription_arn: Some(arn) })
}

fn protocol(sns: &Sns, name: &str) -> Result<Protocol, Error> {
    if OTHER_PROTOCOLS.contains(&name) {
        return Err(Error::NotImplemented(format!("Subscriptions by {name} are not built yet.")));
    }
    let unknown =
        || Error::InvalidParameter(format!("Amazon SNS does not support this protocol string: {name}"));
    let protocol = Protocol::of(name).ok_or_else(unknown)?;
    if matches!(protocol, Protocol::Email(_)) && sns.mailer.is_none() {
        let reason = "Protocol Reason: this server sends no e-mail, as its configuration has no [smtp]";
        return Err(Error::invalid(reason));
    }
    Ok(protocol)
}

fn check_endpoint(protocol: Protocol, endpoint: &str, topic: &TopicName) -> Result<(), Error> {
    match protocol {
        Protocol::Http | Protocol::Https => check_url(endpoint, protocol.as_str()),
        Protocol::Email(_) if Mailer::is_address(endpoint) => Ok(()),
        Protocol::Email(_) => Err(Error::invalid("Email address")),
        Protocol::Sqs => check_queue(endpoint, topic),
    }
}

/// Queues of other accounts would have to confirm, which is not built.
fn check_queue(endpoint: &str, topic: &TopicName) -> Result<(), Error> {
    let (scope, name) = names::queue(endpoint).ok_or_else(|| Error::invalid("SQS endpoint ARN"))?;
    if name.ends_with(".fifo") {
        let reason = "Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics";
        return Err(Error::invalid(reason));
    }
    if scope == topic.scope {
        Ok(())
    } else {
        Err(Error::not_implemented("Subscriptions of queues in other accounts and regions are"))
    }
}

fn new_subscription(
    topic: &Topic,
    id: Uuid,
    protocol: Protocol,
    endpoint: &str,
    now: Timestamp,
) -> Subscription {
    Subscription {
        id,
        topic_id: topic.id,
        topic_scope: topic.scope.clone(),
        topic_name: topic.name.clone(),
        owner: String::new(),
        principal: String::new(),
        protocol,
        endpoint: endpoint.to_owned(),
        status: Status::Pending,
        token: None,
        confirmed_with_signature: false,
        authenticate_on_unsubscribe: false,
        raw: false,
        filter_policy: None,
        filter_scope: FilterScope::default(),
        delivery_policy: None,
        dead_letter_arn: None,
        created: now,
    }
}

/// Stores the subscription and asks its endpoint to confirm.
fn ask(
    tx: &mut WriteTx<'_>,
    sealer: &Sealer,
    subscription: &mut Subscription,
    now: Timestamp,
) -> Result<(), Error> {
    renew_token(tx, sealer, subscription, now)?;
    tx.put(&*subscription)?;
    enqueue_confirmation(tx, subscription, now)?;
    Ok(())
}

/// Gives a subscription a token that is good, its own if that still is.
pub(super) fn renew_token(
    tx: &mut WriteTx<'_>,
    sealer: &Sealer,
    subscription: &mut Subscription,
    now: Timestamp,
) -> Result<(), Error> {
    if subscription.token.as_ref().is_some_and(|token| token.expires > now) {
        return Ok(());
    }
    let secret = hex::encode(rand::random::<[u8; 32]>());
    let token = Token {
        sealed: sealer.seal(&subscription.token_purpose(), secret.as_bytes())?,
        hash: Token::hash_of(&secret),
        expires: now.plus(TOKEN_LASTS),
    };
    cleanup::when_expired(tx, subscription, &token)?;
    subscription.token = Some(token);
    Ok(())
}
