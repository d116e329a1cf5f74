use aws::Ctx;
use s3s::dto::{
    GetBucketNotificationConfigurationInput, GetBucketNotificationConfigurationOutput,
    NotificationConfiguration, PutBucketNotificationConfigurationInput,
    PutBucketNotificationConfigurationOutput,
};

use crate::access::Question;
use crate::error::Error;
use crate::events::request_id;
use crate::records::Setting;
use crate::{S3, notifications, settings};

pub fn get_questions(input: &GetBucketNotificationConfigurationInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetBucketNotification", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_questions(input: &PutBucketNotificationConfigurationInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketNotification", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// What is told of the bucket's objects, and to whom; empty where it was never configured.
pub async fn get(
    s3: &S3,
    _ctx: &Ctx,
    input: GetBucketNotificationConfigurationInput,
) -> Result<GetBucketNotificationConfigurationOutput, Error> {
    let bucket = s3.bucket(&input.bucket).await?;
    let kept: NotificationConfiguration = settings::of(&bucket, Setting::Notification)?.unwrap_or_default();
    Ok(GetBucketNotificationConfigurationOutput {
        event_bridge_configuration: kept.event_bridge_configuration,
        lambda_function_configurations: kept.lambda_function_configurations,
        queue_configurations: kept.queue_configurations,
        topic_configurations: kept.topic_configurations,
    })
}

/// Keeps the configuration. Events go to EventBridge if it says so, and to queues and topics, which get a test event now;
/// there are no functions here, so S3 says of them what it says of any destination that it cannot reach.
pub async fn put(
    s3: &S3,
    ctx: &Ctx,
    input: PutBucketNotificationConfigurationInput,
) -> Result<PutBucketNotificationConfigurationOutput, Error> {
    let mut configuration = input.notification_configuration;
    let bucket = s3.bucket(&input.bucket).await?;
    notifications::check(&mut configuration, &bucket.scope)?;
    if input.skip_destination_validation != Some(true) {
        let (time, id) = (ctx.now().to_iso8601_millis(), request_id(ctx.request_id));
        notifications::test(s3.client.as_ref(), &bucket, &configuration, time, id).await?;
    }
    super::put_setting(s3, &input.bucket, Setting::Notification, &configuration).await?;
    Ok(PutBucketNotificationConfigurationOutput::default())
}
