use aws::Arn;
use sqs_model::SendMessage;

use super::{Call, Failure};

/// Sends the payload, as the target's role or as EventBridge itself, which the queue's policy must admit then.
/// Source: EventBridge User Guide, "Amazon SQS permissions".
pub(super) async fn send(call: &Call<'_>) -> Result<Option<String>, Failure> {
    let send = SendMessage {
        queue_url: url(&call.target.arn)?,
        message_body: call.payload.clone(),
        message_group_id: call.target.message_group_id.clone(),
        ..SendMessage::default()
    };
    let answer = call.client().await?.call(send).await.map_err(Failure::of)?;
    Ok(answer.message_id)
}

/// The URL of the queue of an ARN, of which the last two parts count. Errors: `INVALID_PARAMETER`.
pub(super) fn url(queue_arn: &str) -> Result<String, Failure> {
    let invalid = |_| Failure::never("INVALID_PARAMETER", format!("{queue_arn} is not the ARN of a queue."));
    let arn: Arn = queue_arn.parse().map_err(invalid)?;
    Ok(format!("https://sqs.{}.amazonaws.com/{}/{}", arn.region, arn.account, arn.resource))
}
