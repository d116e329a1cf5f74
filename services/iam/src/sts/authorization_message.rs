//! Encoded authorization messages: what a refusal rested on, readable for those alone who may decode it.
//! Source: AWS STS API Reference, DecodeAuthorizationMessage.
//!
//! AWS encodes them for a few services. Here every refusal carries one, as the member `encodedMessage` of the error.

use aws::{Access, Ctx};
use serde_json::{Value, json};
use sts_model::{DecodeAuthorizationMessage, DecodeAuthorizationMessageOutput};

use crate::authorise::Basis;
use crate::error::Error;
use crate::iam::Iam;
use crate::policy::{Context, Denial};

/// The longest message that DecodeAuthorizationMessage takes.
const LIMIT: usize = 10_240;

/// Errors: InvalidAuthorizationMessage for what was not encoded for this account.
pub async fn decode_authorization_message(
    iam: &Iam,
    ctx: &Ctx,
    input: DecodeAuthorizationMessage,
) -> Result<DecodeAuthorizationMessageOutput, Error> {
    let opened = iam.sealer.open_text(&purpose(ctx.scope.account.as_str()), &input.encoded_message);
    let decoded = opened.map_err(|_| Error::InvalidAuthorizationMessage("Message is not valid"))?;
    Ok(DecodeAuthorizationMessageOutput { decoded_message: Some(decoded) })
}

/// The encoded message for a refusal; `None` when it would be too long to be decoded again.
pub fn encode(
    iam: &Iam,
    ctx: &Ctx,
    basis: &Basis,
    denial: &Denial,
    action: &str,
    access: &Access,
) -> Option<String> {
    let context = crate::authorise::context::of_call(ctx, basis, action, access);
    let message = json!({
        "allowed": false,
        "explicitDeny": matches!(denial, Denial::Explicit { .. }),
        "matchedStatements": { "items": [] },
        "failures": { "items": [] },
        "reason": denial.reason(action),
        "context": {
            "principal": { "id": ctx.caller.principal.user_id(), "arn": ctx.caller.principal.arn() },
            "action": action,
            "resource": access.resource,
            "conditions": { "items": conditions(&context) },
        },
    });
    let sealed =
        iam.sealer.seal(&purpose(ctx.scope.account.as_str()), message.to_string().as_bytes()).ok()?;
    (sealed.len() <= LIMIT).then_some(sealed)
}

fn conditions(context: &Context) -> Vec<Value> {
    let items = context.iter().map(|(key, values)| {
        let values: Vec<Value> = values.iter().map(|value| json!({ "value": value })).collect();
        json!({ "key": key, "values": { "items": values } })
    });
    items.collect()
}

/// Each account decodes its own messages.
fn purpose(account: &str) -> String {
    format!("authorization-message/{account}")
}
