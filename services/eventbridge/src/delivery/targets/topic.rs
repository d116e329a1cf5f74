use sns_model::Publish;

use super::{Call, Failure};

/// Publishes the payload, as the target's role or as EventBridge itself, which the topic's policy must admit then.
/// Source: EventBridge User Guide, "Amazon SNS permissions".
pub(super) async fn publish(call: &Call<'_>) -> Result<Option<String>, Failure> {
    let publish = Publish {
        topic_arn: Some(call.target.arn.clone()),
        message: call.payload.clone(),
        ..Publish::default()
    };
    let answer = call.client().await?.call(publish).await.map_err(Failure::of)?;
    Ok(answer.message_id)
}
