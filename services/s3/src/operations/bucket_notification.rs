use aws::Ctx;
use s3s::dto::{
    GetBucketNotificationConfigurationInput, GetBucketNotificationConfigurationOutput,
    NotificationConfiguration, PutBucketNotificationConfigurationInput,
    PutBucketNotificationConfigurationOutput,
};

use crate::access::Question;
use crate::error::Error;
use crate::records::Setting;
use crate::{S3, settings};

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

/// Keeps the configuration. Events go to EventBridge if it says so; there are no topics, queues or functions here to which S3 could deliver directly, so S3 says of them what it says of any
/// that it cannot reach.
pub async fn put(
    s3: &S3,
    _ctx: &Ctx,
    input: PutBucketNotificationConfigurationInput,
) -> Result<PutBucketNotificationConfigurationOutput, Error> {
    let configuration = &input.notification_configuration;
    let names_destinations = configuration.topic_configurations.as_ref().is_some_and(|some| !some.is_empty())
        || configuration.queue_configurations.as_ref().is_some_and(|some| !some.is_empty())
        || configuration.lambda_function_configurations.as_ref().is_some_and(|some| !some.is_empty());
    if names_destinations {
        let message = "Unable to validate the following destination configurations";
        return Err(Error::invalid_argument("notification", "destination", message));
    }
    super::put_setting(s3, &input.bucket, Setting::Notification, configuration).await?;
    Ok(PutBucketNotificationConfigurationOutput::default())
}
