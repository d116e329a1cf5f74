//! What could not be delivered goes to the target's dead-letter queue.
//! Source: EventBridge User Guide, "Using dead-letter queues to process undelivered events".

use aws::Map;
use sqs_model::{MessageAttributeValue, SendMessage};

use super::{Failure, Retry, payload, queue};
use crate::EventBridge;
use crate::delivery::role;
use crate::delivery::rules::document;
use crate::records::{DeadLetter, Delivery, Rule, Target, Trouble};

/// Sends the event of a delivery that failed, if its target has a dead-letter queue. The queue's policy must admit
/// EventBridge for the rule. Errors: what may be better later; what may not is in the answer.
pub(in crate::delivery) async fn send(
    eventbridge: &EventBridge,
    rule: &Rule,
    target: &Target,
    delivery: &Delivery,
    exhausted: Option<&str>,
) -> Result<Option<DeadLetter>, Failure> {
    let (Some(queue_arn), Some(event)) = (&target.dead_letter_arn, &delivery.event) else { return Ok(None) };
    let body = payload(rule, target, delivery, event).unwrap_or_else(|_| document(event).to_string());
    let sent = match queue::url(queue_arn) {
        Ok(queue_url) => {
            let attributes = attributes(rule, delivery, exhausted);
            let send = SendMessage {
                queue_url,
                message_body: body,
                message_attributes: Some(attributes),
                ..SendMessage::default()
            };
            role::as_service(&eventbridge.client, rule).call(send).await.map_err(Failure::of)
        }
        Err(failure) => Err(failure),
    };
    let sent = match sent {
        Ok(answer) => Ok(answer.message_id.unwrap_or_default()),
        Err(failure) if failure.retry == Retry::Never => {
            tracing::warn!(
                rule = rule.name,
                queue = queue_arn,
                code = failure.code,
                message = failure.message,
                "a dead letter could not be sent; the event is lost"
            );
            Err(Trouble { code: failure.code.to_owned(), message: failure.message })
        }
        Err(failure) => return Err(failure),
    };
    Ok(Some(DeadLetter { queue_arn: queue_arn.clone(), sent }))
}

fn attributes(rule: &Rule, delivery: &Delivery, exhausted: Option<&str>) -> Map<MessageAttributeValue> {
    let mut attributes = Map::new();
    let mut add = |name: &str, data_type: &str, value: String| {
        let value = MessageAttributeValue {
            data_type: data_type.to_owned(),
            string_value: Some(value),
            ..MessageAttributeValue::default()
        };
        attributes.insert(name.to_owned(), value);
    };
    add("RULE_ARN", "String", rule.arn());
    add("TARGET_ARN", "String", delivery.target_arn.clone());
    if let Some(trouble) = &delivery.trouble {
        add("ERROR_CODE", "String", trouble.code.clone());
        add("ERROR_MESSAGE", "String", trouble.message.clone());
    }
    if let Some(condition) = exhausted {
        add("EXHAUSTED_RETRY_CONDITION", "String", condition.to_owned());
    }
    // The first attempt is no retry.
    add("RETRY_ATTEMPTS", "String", delivery.attempts.saturating_sub(1).to_string());
    attributes
}
