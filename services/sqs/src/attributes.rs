//! The attributes of a queue: how they are read, checked and shown. Source: SQS API Reference, SetQueueAttributes.

use serde_json::{Value, json};

use crate::error::Error;
use crate::names::QueueName;
use crate::policy;
use crate::records::{DeduplicationScope, Queue, Redrive, RedriveAllow, Settings, ThroughputLimit};

const FIFO: &str = "FifoQueue";
/// Queues that one queue admits by ARN at most.
const MOST_SOURCES: usize = 10;

/// Sets attributes of a queue. Errors: `InvalidAttributeName`, `InvalidAttributeValue`, `InvalidParameterValue`,
/// `NotImplemented` for keys of KMS.
pub fn set<'a>(
    settings: &mut Settings,
    queue: &QueueName,
    attributes: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<(), Error> {
    for (name, value) in attributes {
        set_one(settings, queue, name, value)?;
    }
    let per_group = settings.throughput_limit == ThroughputLimit::PerMessageGroupId;
    if per_group && settings.deduplication_scope == DeduplicationScope::Queue {
        return Err(Error::InvalidAttributeValue("FifoThroughputLimit".to_owned()));
    }
    Ok(())
}

fn set_one(settings: &mut Settings, queue: &QueueName, name: &str, value: &str) -> Result<(), Error> {
    let number = |least, most| number(name, value, least, most);
    let invalid = || Error::InvalidAttributeValue(name.to_owned());
    let unknown = || Error::InvalidAttributeName(name.to_owned());
    match name {
        "VisibilityTimeout" => settings.visibility_timeout = number(0, 43_200)?,
        "MaximumMessageSize" => settings.maximum_message_size = number(1_024, 1_048_576)?,
        "MessageRetentionPeriod" => settings.message_retention_period = number(60, 1_209_600)?,
        "DelaySeconds" => settings.delay = number(0, 900)?,
        "ReceiveMessageWaitTimeSeconds" => settings.receive_wait_time = number(0, 20)?,
        "Policy" if value.is_empty() => settings.policy = None,
        "Policy" => {
            policy::check(value)?;
            settings.policy = Some(value.to_owned());
        }
        "RedrivePolicy" => settings.redrive = redrive(value, queue)?,
        "RedriveAllowPolicy" => settings.redrive_allow = redrive_allow(value)?,
        "SqsManagedSseEnabled" => settings.managed_encryption = boolean(value).ok_or_else(invalid)?,
        "KmsMasterKeyId" if value.is_empty() => {}
        "KmsMasterKeyId" => return Err(Error::not_implemented("Encryption with keys of KMS is")),
        "KmsDataKeyReusePeriodSeconds" => {
            number(60, 86_400)?;
            return Err(Error::not_implemented("Encryption with keys of KMS is"));
        }
        FIFO => {
            // It is set as the queue is made, and says what the name says.
            if boolean(value) != Some(true) || !queue.is_fifo() {
                return Err(unknown());
            }
        }
        "ContentBasedDeduplication" if queue.is_fifo() => {
            settings.content_based_deduplication = boolean(value).ok_or_else(invalid)?;
        }
        "DeduplicationScope" if queue.is_fifo() => {
            settings.deduplication_scope = match value {
                "queue" => DeduplicationScope::Queue,
                "messageGroup" => DeduplicationScope::MessageGroup,
                _ => return Err(invalid()),
            }
        }
        "FifoThroughputLimit" if queue.is_fifo() => {
            settings.throughput_limit = match value {
                "perQueue" => ThroughputLimit::PerQueue,
                "perMessageGroupId" => ThroughputLimit::PerMessageGroupId,
                _ => return Err(invalid()),
            }
        }
        _ => return Err(unknown()),
    }
    Ok(())
}

/// Whether attributes ask for a FIFO queue. Errors: `InvalidAttributeName` for a `false`, as AWS has it.
pub fn asks_for_fifo(attributes: &aws::Map<String>) -> Result<bool, Error> {
    match attributes.get(FIFO).map(|value| boolean(value)) {
        None => Ok(false),
        Some(Some(true)) => Ok(true),
        Some(_) => Err(Error::InvalidAttributeName(FIFO.to_owned())),
    }
}

/// An attribute in which a queue that is there differs from what a call of CreateQueue asks for.
pub fn difference<'a>(
    queue: &Queue,
    asked: &Settings,
    names: impl IntoIterator<Item = &'a String>,
) -> Option<String> {
    let (there, asked) = (settable(&queue.settings, &queue.name), settable(asked, &queue.name));
    names.into_iter().find(|name| there.get(*name) != asked.get(*name)).cloned()
}

/// How many messages of a queue are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub visible: u64,
    pub in_flight: u64,
    pub delayed: u64,
}

/// All attributes.
pub fn shown(queue: &Queue, counts: &Counts) -> aws::Map<String> {
    let mut attributes = settable(&queue.settings, &queue.name);
    let mut add = |name: &str, value: String| attributes.insert(name.to_owned(), value);
    add("QueueArn", queue.arn());
    add("CreatedTimestamp", queue.created.as_secs().to_string());
    add("LastModifiedTimestamp", queue.modified.as_secs().to_string());
    add("ApproximateNumberOfMessages", counts.visible.to_string());
    add("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string());
    add("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string());
    attributes
}

fn settable(settings: &Settings, queue: &QueueName) -> aws::Map<String> {
    let mut attributes = aws::Map::new();
    let mut add = |name: &str, value: String| attributes.insert(name.to_owned(), value);
    add("VisibilityTimeout", settings.visibility_timeout.to_string());
    add("MaximumMessageSize", settings.maximum_message_size.to_string());
    add("MessageRetentionPeriod", settings.message_retention_period.to_string());
    add("DelaySeconds", settings.delay.to_string());
    add("ReceiveMessageWaitTimeSeconds", settings.receive_wait_time.to_string());
    add("SqsManagedSseEnabled", settings.managed_encryption.to_string());
    if let Some(policy) = &settings.policy {
        add("Policy", policy.clone());
    }
    if let Some(redrive) = &settings.redrive {
        let policy = json!({
            "deadLetterTargetArn": redrive.target_arn,
            "maxReceiveCount": redrive.maximum_receive_count,
        });
        add("RedrivePolicy", policy.to_string());
    }
    if let Some(allow) = &settings.redrive_allow {
        let policy = match allow {
            RedriveAllow::All => json!({"redrivePermission": "allowAll"}),
            RedriveAllow::Nobody => json!({"redrivePermission": "denyAll"}),
            RedriveAllow::Queues(arns) => json!({"redrivePermission": "byQueue", "sourceQueueArns": arns}),
        };
        add("RedriveAllowPolicy", policy.to_string());
    }
    if queue.is_fifo() {
        add(FIFO, "true".to_owned());
        add("ContentBasedDeduplication", settings.content_based_deduplication.to_string());
        let scope = match settings.deduplication_scope {
            DeduplicationScope::Queue => "queue",
            DeduplicationScope::MessageGroup => "messageGroup",
        };
        add("DeduplicationScope", scope.to_owned());
        let limit = match settings.throughput_limit {
            ThroughputLimit::PerQueue => "perQueue",
            ThroughputLimit::PerMessageGroupId => "perMessageGroupId",
        };
        add("FifoThroughputLimit", limit.to_owned());
    }
    attributes
}

fn redrive(value: &str, queue: &QueueName) -> Result<Option<Redrive>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    let refused = |reason: &str| Error::value(value, "RedrivePolicy", reason);
    let policy: Value =
        serde_json::from_str(value).map_err(|_| refused("Redrive policy is not a valid JSON map."))?;
    let policy = policy.as_object().ok_or_else(|| refused("Redrive policy is not a valid JSON map."))?;
    let known = ["deadLetterTargetArn", "maxReceiveCount"];
    if policy.keys().any(|key| !known.contains(&key.as_str())) {
        return Err(refused(
            "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].",
        ));
    }
    let Some(target) = policy.get("deadLetterTargetArn").and_then(Value::as_str) else {
        return Err(refused("Redrive policy does not contain mandatory attribute: deadLetterTargetArn."));
    };
    let count = match policy.get("maxReceiveCount") {
        None => return Err(refused("Redrive policy does not contain mandatory attribute: maxReceiveCount.")),
        Some(Value::String(text)) => text.parse().ok(),
        Some(other) => other.as_u64(),
    };
    let count = count.and_then(|count| u32::try_from(count).ok()).filter(|count| (1..=1000).contains(count));
    let maximum_receive_count = count
        .ok_or_else(|| refused("Invalid value for maxReceiveCount: it must be an integer from 1 to 1000."))?;
    let there = QueueName::in_arn(target).ok_or_else(|| refused("Invalid value for deadLetterTargetArn."))?;
    if there.scope != queue.scope {
        return Err(refused("Dead-letter target must be in the same account and region as the source."));
    }
    if there.is_fifo() != queue.is_fifo() {
        return Err(refused("Dead-letter target must be same type of queue as the source."));
    }
    Ok(Some(Redrive { target_arn: target.to_owned(), maximum_receive_count }))
}

fn redrive_allow(value: &str) -> Result<Option<RedriveAllow>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    let refused = |reason: &str| Error::value(value, "RedriveAllowPolicy", reason);
    let policy: Value = serde_json::from_str(value).map_err(|_| {
        refused("Amazon SQS can't create the redrive allow policy, as it's in an unsupported format.")
    })?;
    let sources = policy.get("sourceQueueArns");
    let permission = policy.get("redrivePermission").and_then(Value::as_str);
    match (permission, sources) {
        (Some("allowAll"), None) => Ok(Some(RedriveAllow::All)),
        (Some("denyAll"), None) => Ok(Some(RedriveAllow::Nobody)),
        (Some("byQueue"), Some(Value::Array(arns))) => {
            let arns: Option<Vec<String>> = arns
                .iter()
                .map(|arn| arn.as_str().filter(|arn| QueueName::in_arn(arn).is_some()).map(str::to_owned))
                .collect();
            match arns {
                Some(arns) if (1..=MOST_SOURCES).contains(&arns.len()) => {
                    Ok(Some(RedriveAllow::Queues(arns)))
                }
                _ => Err(refused("sourceQueueArns must name 1 to 10 queues by their ARNs.")),
            }
        }
        (Some("byQueue"), _) => Err(refused("byQueue needs sourceQueueArns.")),
        (Some("allowAll" | "denyAll"), Some(_)) => Err(refused("sourceQueueArns goes with byQueue only.")),
        _ => Err(refused("redrivePermission must be allowAll, denyAll or byQueue.")),
    }
}

fn number(name: &str, value: &str, least: u32, most: u32) -> Result<u32, Error> {
    let parsed = value.parse().ok().filter(|number| (least..=most).contains(number));
    parsed.ok_or_else(|| Error::InvalidAttributeValue(name.to_owned()))
}

fn boolean(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(name: &str) -> QueueName {
        QueueName::in_arn(&format!("arn:aws:sqs:us-east-1:123456789012:{name}")).unwrap()
    }

    fn refusal(queue: &QueueName, name: &str, value: &str) -> Option<String> {
        let (name, value) = (name.to_owned(), value.to_owned());
        set(&mut Settings::default(), queue, [(&name, &value)]).err().map(|error| error.to_string())
    }

    #[test]
    fn values_have_their_bounds() {
        let plain = queue("q");
        assert_eq!(refusal(&plain, "VisibilityTimeout", "43200"), None);
        for (name, value) in [
            ("VisibilityTimeout", "43201"),
            ("MaximumMessageSize", "1023"),
            ("MessageRetentionPeriod", "59"),
            ("DelaySeconds", "-1"),
            ("ReceiveMessageWaitTimeSeconds", "x"),
            ("SqsManagedSseEnabled", "yes"),
            ("Policy", "no policy"),
        ] {
            let told = format!("Invalid value for the parameter {name}.");
            assert_eq!(refusal(&plain, name, value), Some(told));
        }
        for name in ["QueueArn", "Colour", "ContentBasedDeduplication", "FifoQueue"] {
            assert_eq!(refusal(&plain, name, "true"), Some(format!("Unknown Attribute {name}.")));
        }
        assert!(refusal(&queue("q.fifo"), "FifoThroughputLimit", "perMessageGroupId").is_some());
    }

    #[test]
    fn dead_letters_go_to_queues_of_the_same_kind() {
        let policy = |name: &str, count: &str| {
            format!(
                r#"{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:{name}","maxReceiveCount":{count}}}"#
            )
        };
        assert_eq!(refusal(&queue("q"), "RedrivePolicy", &policy("dead", "\"3\"")), None);
        assert!(
            refusal(&queue("q"), "RedrivePolicy", &policy("dead.fifo", "3")).unwrap().contains("same type")
        );
        assert!(refusal(&queue("q"), "RedrivePolicy", &policy("dead", "0")).is_some());
        assert!(refusal(&queue("q"), "RedrivePolicy", "{}").is_some());
        assert!(refusal(&queue("q"), "RedriveAllowPolicy", r#"{"redrivePermission":"byQueue"}"#).is_some());
    }
}
