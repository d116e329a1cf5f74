//! Attributes of topics between the API, where all are texts, and the record.
//! Source: SNS API Reference, SetTopicAttributes and GetTopicAttributes.

use aws::Map;
use sns_model::SNS;

use crate::delivery_policy::DeliveryPolicy;
use crate::error::Error;
use crate::records::Topic;
use crate::{Sns, policy};

const LONGEST_DISPLAY_NAME: usize = 100;

/// Sets an attribute. Errors: `InvalidParameter`, `NotImplemented` for what is not served.
pub(super) async fn set(sns: &Sns, topic: &mut Topic, name: &str, value: &str) -> Result<(), Error> {
    match name {
        "DisplayName" => {
            if value.chars().count() > LONGEST_DISPLAY_NAME || value.chars().any(char::is_control) {
                return Err(Error::invalid("DisplayName"));
            }
            value.clone_into(&mut topic.display_name);
        }
        "Policy" => {
            policy::check(value, &topic.arn())?;
            check_readable(sns, topic, value).await?;
            topic.policy = Some(value.to_owned());
        }
        "DeliveryPolicy" if value.is_empty() => topic.delivery_policy = None,
        "DeliveryPolicy" => {
            DeliveryPolicy::of_topic(value)?;
            topic.delivery_policy = Some(value.to_owned());
        }
        "SignatureVersion" => {
            topic.signature_version = match value {
                "1" => 1,
                "2" => 2,
                _ => return Err(Error::invalid("SignatureVersion")),
            }
        }
        "FifoTopic" if value == "false" => {}
        "FifoTopic" if value == "true" => return Err(Error::not_implemented("FIFO topics are")),
        "TracingConfig" if value == "PassThrough" => {}
        "TracingConfig" if value == "Active" => return Err(Error::not_implemented("Traces of X-Ray are")),
        "KmsMasterKeyId" if value.is_empty() => {}
        "KmsMasterKeyId" => return Err(Error::not_implemented("Encryption with keys of KMS is")),
        "ContentBasedDeduplication" | "ArchivePolicy" | "FifoThroughputScope" => {
            return Err(Error::InvalidParameter(format!("{name} Reason: it is for FIFO topics only")));
        }
        _ if name.contains("FeedbackRoleArn") || name.contains("FeedbackSampleRate") => {
            return Err(Error::not_implemented("Logs of the delivery status are"));
        }
        _ => return Err(Error::invalid("AttributeName")),
    }
    Ok(())
}

async fn check_readable(sns: &Sns, topic: &Topic, policy: &str) -> Result<(), Error> {
    let checked = sns.client.check_resource_policy(&SNS, &topic.arn(), policy).await;
    checked.map_err(|error| Error::InvalidParameter(format!("Policy Error: {}", error.message)))
}

/// Whether two topics are the same in an attribute that can be set.
pub(super) fn is_same(left: &Topic, right: &Topic, name: &str) -> bool {
    match name {
        "DisplayName" => left.display_name == right.display_name,
        "Policy" => left.policy == right.policy,
        "DeliveryPolicy" => left.delivery_policy == right.delivery_policy,
        "SignatureVersion" => left.signature_version == right.signature_version,
        _ => true,
    }
}

/// How many subscriptions a topic has, by state.
pub(super) struct Counts {
    pub confirmed: u64,
    pub pending: u64,
    pub deleted: u64,
}

/// All attributes.
pub(super) fn shown(topic: &Topic, counts: &Counts) -> Map<String> {
    let effective = DeliveryPolicy::effective(topic.delivery_policy.as_deref(), None);
    let mut attributes = Map::new();
    let mut add = |name: &str, value: String| attributes.insert(name.to_owned(), value);
    add("TopicArn", topic.arn());
    add("Owner", topic.scope.account.to_string());
    add("DisplayName", topic.display_name.clone());
    add("Policy", topic.policy_text());
    add("SubscriptionsConfirmed", counts.confirmed.to_string());
    add("SubscriptionsPending", counts.pending.to_string());
    add("SubscriptionsDeleted", counts.deleted.to_string());
    add("EffectiveDeliveryPolicy", effective.topic_json());
    if let Some(policy) = &topic.delivery_policy {
        add("DeliveryPolicy", policy.clone());
    }
    if topic.signature_version != 1 {
        add("SignatureVersion", topic.signature_version.to_string());
    }
    attributes
}
