//! What audit records do not show: messages, and the tokens of subscriptions.
//! Source: SNS Developer Guide, "Logging Amazon SNS API calls using CloudTrail".

use async_trait::async_trait;
use aws::{Ctx, Hide};
use serde_json::Value;

pub const OPERATIONS: [&str; 3] = ["Publish", "PublishBatch", "ConfirmSubscription"];

const HIDDEN: [&str; 4] = ["Message", "Subject", "MessageAttributes", "Token"];
/// What stands in the place of values that schemas mark as sensitive, too.
const MASK: &str = "***";

pub struct Secrets;

#[async_trait]
impl Hide for Secrets {
    async fn hide(&self, _ctx: &Ctx, parameters: &mut Value, _response: &mut Value) {
        mask(parameters);
        if let Some(Value::Array(entries)) = parameters.get_mut("PublishBatchRequestEntries") {
            entries.iter_mut().for_each(mask);
        }
    }
}

fn mask(parameters: &mut Value) {
    for name in HIDDEN {
        if let Some(value) = parameters.get_mut(name) {
            *value = Value::from(MASK);
        }
    }
}
