//! What audit records do not show: contents of messages.
//! Source: SQS Developer Guide, "Logging Amazon SQS API calls using AWS CloudTrail".

use async_trait::async_trait;
use aws::{Ctx, Hide};
use serde_json::Value;

pub const OPERATIONS: [&str; 3] = ["SendMessage", "SendMessageBatch", "ReceiveMessage"];

const HIDDEN: [&str; 4] = ["MessageBody", "MessageAttributes", "MessageSystemAttributes", "Body"];
/// What stands in the place of values that schemas mark as sensitive, too.
const MASK: &str = "***";

pub struct Contents;

#[async_trait]
impl Hide for Contents {
    async fn hide(&self, _ctx: &Ctx, parameters: &mut Value, response: &mut Value) {
        mask(parameters);
        mask_all(parameters.get_mut("Entries"));
        mask_all(response.get_mut("Messages"));
    }
}

fn mask_all(values: Option<&mut Value>) {
    if let Some(Value::Array(entries)) = values {
        entries.iter_mut().for_each(mask);
    }
}

fn mask(value: &mut Value) {
    for name in HIDDEN {
        if let Some(value) = value.get_mut(name) {
            *value = Value::from(MASK);
        }
    }
}
