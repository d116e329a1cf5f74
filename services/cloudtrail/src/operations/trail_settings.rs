//! What CreateTrail and UpdateTrail have in common: settings, and whether they can work.

use aws::Client;
use cloudtrail_model as model;

use crate::delivery::notices;
use crate::error::Error;
use crate::records::{LogGroup, Trail};
use crate::{CloudTrail, bucket, role};

const LONGEST_TOPIC_NAME: usize = 256;
/// As observed.
const VALIDATION_MESSAGE: &str = "CloudTrail validation message.";

/// The members of both calls that are not a trail's own.
pub struct Unserved<'i> {
    pub kms_key: Option<&'i str>,
    pub of_organization: Option<bool>,
}

impl Unserved<'_> {
    /// Errors: `NotImplemented` for keys, `NoOrganization`.
    pub fn check(&self) -> Result<(), Error> {
        let is_set = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
        if self.of_organization == Some(true) {
            return Err(Error::NoOrganization);
        }
        if is_set(self.kms_key) {
            return Err(Error::NotImplemented("KmsKeyId of trails is not built yet.".to_owned()));
        }
        Ok(())
    }
}

/// A topic as a call names it, an empty text for none. Errors: `InvalidTopicName`.
pub fn topic(given: &str) -> Result<Option<String>, Error> {
    let name = match given.parse::<aws::Arn>() {
        Ok(arn) if arn.service == "sns" => arn.resource,
        Ok(_) => String::new(),
        Err(_) => given.to_owned(),
    };
    let fits = (1..=LONGEST_TOPIC_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    match given {
        "" => Ok(None),
        _ if fits => Ok(Some(given.to_owned())),
        _ => Err(Error::InvalidTopicName(given.to_owned())),
    }
}

/// Whether the topic takes what CloudTrail publishes; so its subscribers get a message that says so, as on AWS.
/// Errors: `InsufficientTopicPolicy`.
pub async fn check_topic(cloudtrail: &CloudTrail, trail: &Trail) -> Result<(), Error> {
    let Some(topic_arn) = trail.topic_arn() else { return Ok(()) };
    let message = VALIDATION_MESSAGE.to_owned();
    let published = notices::publish(&cloudtrail.client, trail, &topic_arn, message).await;
    published.map_err(|error| match error.is_fault() {
        true => Error::Passed(error),
        false => Error::InsufficientTopicPolicy,
    })
}

/// A log group and its role as a call names them, empty texts for none. Errors: `InvalidParameterCombination`.
pub fn log_group(arn: Option<&str>, role_arn: Option<&str>) -> Result<Option<LogGroup>, Error> {
    let some = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    match (some(arn), some(role_arn)) {
        (Some(arn), Some(role_arn)) => Ok(Some(LogGroup { arn, role_arn })),
        (None, None) => Ok(None),
        _ => Err(Error::InvalidParameterCombination(
            "You must specify both a CloudWatch Logs log group ARN and a role ARN.".to_owned(),
        )),
    }
}

/// Whether a trail with these settings can deliver; makes its log stream.
/// Errors: names, bucket, policy, log group and role that cannot be.
pub async fn check(cloudtrail: &CloudTrail, trail: &Trail) -> Result<(), Error> {
    if trail.multi_region && !trail.global_events {
        return Err(Error::InvalidParameterCombination(
            "Multi-Region trail must include global service events.".to_owned(),
        ));
    }
    bucket::check_names(&trail.bucket, trail.prefix.as_deref())?;
    let service = cloudtrail.as_service(trail);
    bucket::check_policy(&service, trail).await?;
    match &trail.log_group {
        Some(log_group) => check_log_group(&service, trail, log_group).await,
        None => Ok(()),
    }
}

async fn check_log_group(service: &Client, trail: &Trail, to: &LogGroup) -> Result<(), Error> {
    let invalid = || Error::InvalidLogGroupArn(format!("{} is no ARN of a log group.", to.arn));
    let (region, group) = to.parts().ok_or_else(invalid)?;
    let client =
        role::assume(service, &to.role_arn, region).await.map_err(|error| match error.is_fault() {
            true => Error::LogsUnavailable,
            false => Error::InvalidLogsRole(
                "Access denied. Check the trust relationships for your role.".to_owned(),
            ),
        })?;
    let stream = role::stream(trail.scope.account.as_str(), &trail.scope.region);
    role::make_stream(&client, &group, &stream).await.map_err(|error| match &*error.code {
        "ResourceNotFoundException" => {
            Error::InvalidLogGroupArn("CloudTrail cannot find the specified log group.".to_owned())
        }
        "AccessDeniedException" => {
            Error::InvalidLogsRole("Access denied. Check the permissions for your role.".to_owned())
        }
        _ => Error::LogsUnavailable,
    })
}

/// A trail as the API shows it.
pub fn shown(trail: &Trail) -> model::Trail {
    let arn = trail.arn();
    model::Trail {
        name: Some(trail.name.clone()),
        s3_bucket_name: Some(trail.bucket.clone()),
        s3_key_prefix: trail.prefix.clone(),
        sns_topic_name: trail.topic.clone(),
        sns_topic_arn: trail.topic_arn(),
        include_global_service_events: Some(trail.global_events),
        is_multi_region_trail: Some(trail.multi_region),
        home_region: Some(trail.scope.region.to_string()),
        trail_arn: Some(arn),
        log_file_validation_enabled: Some(trail.validates),
        cloud_watch_logs_log_group_arn: trail.log_group.as_ref().map(|group| group.arn.clone()),
        cloud_watch_logs_role_arn: trail.log_group.as_ref().map(|group| group.role_arn.clone()),
        has_custom_event_selectors: Some(trail.selectors != Default::default()),
        has_insight_selectors: Some(false),
        is_organization_trail: Some(false),
        ..model::Trail::default()
    }
}
