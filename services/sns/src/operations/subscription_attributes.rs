//! Attributes of subscriptions between the API, where all are texts, and the record.
//! Source: SNS API Reference, SetSubscriptionAttributes and GetSubscriptionAttributes.

use aws::Map;
use serde_json::{Value, json};

use crate::delivery_policy::DeliveryPolicy;
use crate::error::Error;
use crate::filter;
use crate::names;
use crate::records::{FilterScope, Status, Subscription, Topic};

/// Sets an attribute; [`check`] has to follow. `from` is what messages begin with.
/// Errors: `InvalidParameter`, `NotImplemented` for what is not served.
pub(super) fn set(subscription: &mut Subscription, name: &str, value: &str, from: &str) -> Result<(), Error> {
    let protocol = subscription.protocol;
    match name {
        "DeliveryPolicy" if value.is_empty() => subscription.delivery_policy = None,
        "DeliveryPolicy" if !protocol.is_http() => {
            let reason = format!("{from}DeliveryPolicy: protocol {} does not support it", protocol.as_str());
            return Err(Error::InvalidParameter(reason));
        }
        "DeliveryPolicy" => {
            DeliveryPolicy::of_subscription(value)?;
            subscription.delivery_policy = Some(value.to_owned());
        }
        "FilterPolicy" if value.is_empty() => subscription.filter_policy = None,
        "FilterPolicy" => subscription.filter_policy = Some(value.to_owned()),
        "FilterPolicyScope" => {
            subscription.filter_scope = match value {
                "MessageAttributes" => FilterScope::MessageAttributes,
                "MessageBody" => FilterScope::MessageBody,
                _ => {
                    return Err(Error::InvalidParameter(format!(
                        "{from}FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or \
                         MessageAttributes"
                    )));
                }
            }
        }
        "RawMessageDelivery" => {
            subscription.raw = match value.to_ascii_lowercase().as_str() {
                "true" if !protocol.knows_raw() => {
                    return Err(Error::InvalidParameter(format!(
                        "{from}Delivery protocol [{}] does not support raw message delivery.",
                        protocol.as_str()
                    )));
                }
                "true" => true,
                "false" => false,
                _ => {
                    return Err(Error::InvalidParameter(format!(
                        "{from}RawMessageDelivery: Invalid value [{value}]. Must be true or false."
                    )));
                }
            }
        }
        "RedrivePolicy" if value.is_empty() => subscription.dead_letter_arn = None,
        "RedrivePolicy" => subscription.dead_letter_arn = Some(dead_letter_arn(subscription, value, from)?),
        "ReplayPolicy" => return Err(Error::not_implemented("Replays of archived messages are")),
        "SubscriptionRoleArn" => {
            return Err(Error::InvalidParameter(format!("{from}SubscriptionRoleArn is for Firehose only")));
        }
        _ => return Err(Error::InvalidParameter(format!("{from}AttributeName"))),
    }
    Ok(())
}

/// The queue that a redrive policy names: a standard one in the account and region of the topic.
/// Source: SNS Developer Guide, "Amazon SNS dead-letter queues".
fn dead_letter_arn(subscription: &Subscription, policy: &str, from: &str) -> Result<String, Error> {
    let refused = |reason: &str| Error::InvalidParameter(format!("{from}RedrivePolicy: {reason}"));
    let policy: Value = serde_json::from_str(policy).map_err(|_| refused("failed to parse JSON"))?;
    let arn = policy.get("deadLetterTargetArn").and_then(Value::as_str);
    let arn = arn.ok_or_else(|| refused("deadLetterTargetArn must be a queue's ARN"))?;
    let (scope, name) =
        names::queue(arn).ok_or_else(|| refused("deadLetterTargetArn must be a queue's ARN"))?;
    if scope != subscription.topic_scope {
        return Err(refused("deadLetterTargetArn must be in the account and region of the topic"));
    }
    if name.ends_with(".fifo") {
        return Err(refused("a standard topic needs a standard queue"));
    }
    Ok(arn.to_owned())
}

/// Whether the filter policy fits its scope. Errors: `InvalidParameter`.
pub(super) fn check(subscription: &Subscription, from: &str) -> Result<(), Error> {
    match &subscription.filter_policy {
        Some(policy) => filter::check(policy, subscription.filter_scope, from),
        None => Ok(()),
    }
}

/// Whether two subscriptions are the same in an attribute that can be set.
pub(super) fn is_same(left: &Subscription, right: &Subscription, name: &str) -> bool {
    match name {
        "DeliveryPolicy" => left.delivery_policy == right.delivery_policy,
        "FilterPolicy" => left.filter_policy == right.filter_policy,
        "FilterPolicyScope" => left.filter_scope == right.filter_scope,
        "RawMessageDelivery" => left.raw == right.raw,
        "RedrivePolicy" => left.dead_letter_arn == right.dead_letter_arn,
        _ => true,
    }
}

/// All attributes.
pub(super) fn shown(subscription: &Subscription, topic: &Topic) -> Map<String> {
    let mut attributes = Map::new();
    let mut add = |name: &str, value: String| attributes.insert(name.to_owned(), value);
    add("SubscriptionArn", subscription.arn());
    add("TopicArn", subscription.topic().arn());
    add("Owner", subscription.owner.clone());
    add("SubscriptionPrincipal", subscription.principal.clone());
    add("Protocol", subscription.protocol.as_str().to_owned());
    add("Endpoint", subscription.endpoint.clone());
    add("PendingConfirmation", (subscription.status == Status::Pending).to_string());
    add("ConfirmationWasAuthenticated", subscription.confirmed_with_signature.to_string());
    add("RawMessageDelivery", subscription.raw.to_string());
    if let Some(policy) = &subscription.filter_policy {
        add("FilterPolicy", policy.clone());
        add("FilterPolicyScope", subscription.filter_scope.as_str().to_owned());
    }
    if let Some(policy) = &subscription.delivery_policy {
        add("DeliveryPolicy", policy.clone());
    }
    if let Some(arn) = &subscription.dead_letter_arn {
        add("RedrivePolicy", json!({"deadLetterTargetArn": arn}).to_string());
    }
    if subscription.protocol.is_http() {
        let own = subscription.delivery_policy.as_deref();
        let effective = DeliveryPolicy::effective(topic.delivery_policy.as_deref(), own);
        add("EffectiveDeliveryPolicy", effective.subscription_json());
    }
    attributes
}
