use std::collections::BTreeSet;

use aws::Ctx;
use s3s::dto::{
    BucketLifecycleConfiguration, DeleteBucketLifecycleInput, DeleteBucketLifecycleOutput, ExpirationStatus,
    GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput, LifecycleExpiration,
    LifecycleRule, PutBucketLifecycleConfigurationInput, PutBucketLifecycleConfigurationOutput,
};
use uuid::Uuid;

use crate::S3;
use crate::access::Question;
use crate::error::Error;
use crate::records::Setting;

/// S3's limit of rules of a bucket.
const MOST_RULES: usize = 1000;
/// In characters.
const LONGEST_ID: usize = 255;

pub fn get_questions(input: &GetBucketLifecycleConfigurationInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetLifecycleConfiguration", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_questions(input: &PutBucketLifecycleConfigurationInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutLifecycleConfiguration", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn delete_questions(input: &DeleteBucketLifecycleInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutLifecycleConfiguration", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// The rules of expiration and transition.
pub async fn get(
    s3: &S3,
    _ctx: &Ctx,
    input: GetBucketLifecycleConfigurationInput,
) -> Result<GetBucketLifecycleConfigurationOutput, Error> {
    let kept: BucketLifecycleConfiguration = super::get_setting(
        s3,
        &input.bucket,
        Setting::Lifecycle,
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    )
    .await?;
    Ok(GetBucketLifecycleConfigurationOutput { rules: Some(kept.rules), ..Default::default() })
}

pub async fn put(
    s3: &S3,
    _ctx: &Ctx,
    input: PutBucketLifecycleConfigurationInput,
) -> Result<PutBucketLifecycleConfigurationOutput, Error> {
    let Some(mut configuration) = input.lifecycle_configuration else { return Err(Error::MalformedXml) };
    check(&configuration.rules)?;
    for rule in &mut configuration.rules {
        rule.id.get_or_insert_with(|| Uuid::new_v4().to_string());
    }
    super::put_setting(s3, &input.bucket, Setting::Lifecycle, &configuration).await?;
    Ok(PutBucketLifecycleConfigurationOutput::default())
}

pub async fn delete(
    s3: &S3,
    _ctx: &Ctx,
    input: DeleteBucketLifecycleInput,
) -> Result<DeleteBucketLifecycleOutput, Error> {
    super::delete_setting(s3, &input.bucket, Setting::Lifecycle).await?;
    Ok(DeleteBucketLifecycleOutput::default())
}

/// Errors: `MalformedXML`, `InvalidRequest`, `InvalidArgument`.
fn check(rules: &[LifecycleRule]) -> Result<(), Error> {
    if rules.is_empty() || rules.len() > MOST_RULES {
        return Err(Error::MalformedXml);
    }
    let mut ids = BTreeSet::new();
    for rule in rules {
        if let Some(id) = &rule.id {
            if id.chars().count() > LONGEST_ID {
                let message = "ID length should not exceed allowed limit of 255";
                return Err(Error::invalid_argument("ID", id, message));
            }
            if !ids.insert(id) {
                let message = "Rule ID must be unique. Found same ID for more than one rule";
                return Err(Error::invalid_argument("ID", id, message));
            }
        }
        check_rule(rule)?;
    }
    Ok(())
}

fn check_rule(rule: &LifecycleRule) -> Result<(), Error> {
    let status = rule.status.as_str();
    if status != ExpirationStatus::ENABLED && status != ExpirationStatus::DISABLED {
        return Err(Error::MalformedXml);
    }
    if rule.filter.is_some() == rule.prefix.is_some() {
        return Err(Error::MalformedXml);
    }
    let noncurrent_days = rule.noncurrent_version_expiration.as_ref().map(|rule| rule.noncurrent_days);
    let abort_days = rule.abort_incomplete_multipart_upload.as_ref().map(|abort| abort.days_after_initiation);
    let acts = rule.expiration.is_some()
        || noncurrent_days.is_some()
        || abort_days.is_some()
        || rule.transitions.as_ref().is_some_and(|some| !some.is_empty())
        || rule.noncurrent_version_transitions.as_ref().is_some_and(|some| !some.is_empty());
    if !acts {
        return Err(Error::InvalidRequest("At least one action needs to be specified in a rule".to_owned()));
    }
    rule.expiration.as_ref().map_or(Ok(()), check_expiration)?;
    positive("NoncurrentDays", "NoncurrentVersionExpiration", noncurrent_days.flatten())?;
    positive("DaysAfterInitiation", "AbortIncompleteMultipartUpload", abort_days.flatten())
}

fn check_expiration(expiration: &LifecycleExpiration) -> Result<(), Error> {
    let given = [
        expiration.days.is_some(),
        expiration.date.is_some(),
        expiration.expired_object_delete_marker.is_some(),
    ];
    if given.into_iter().filter(|given| *given).count() != 1 {
        return Err(Error::MalformedXml);
    }
    positive("Days", "Expiration", expiration.days)
}

fn positive(name: &'static str, action: &str, days: Option<i32>) -> Result<(), Error> {
    match days {
        Some(days) if days < 1 => Err(Error::invalid_argument(
            name,
            days,
            format!("'{name}' for {action} action must be a positive integer"),
        )),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use s3s::dto::LifecycleRuleFilter;

    use super::*;

    fn rule(change: impl FnOnce(&mut LifecycleRule)) -> LifecycleRule {
        let mut rule = LifecycleRule {
            abort_incomplete_multipart_upload: None,
            expiration: Some(LifecycleExpiration { days: Some(1), ..Default::default() }),
            filter: Some(LifecycleRuleFilter::default()),
            id: Some("one".to_owned()),
            noncurrent_version_expiration: None,
            noncurrent_version_transitions: None,
            prefix: None,
            status: ExpirationStatus::from_static(ExpirationStatus::ENABLED),
            transitions: None,
        };
        change(&mut rule);
        rule
    }

    fn code(rules: &[LifecycleRule]) -> String {
        check(rules).map_or_else(|error| error.code().to_owned(), |()| "fine".to_owned())
    }

    #[test]
    fn a_rule_says_what_to_do_with_what_and_when() {
        assert_eq!(code(&[rule(|_| {})]), "fine");
        assert_eq!(code(&[]), "MalformedXML");
        assert_eq!(code(&[rule(|rule| rule.expiration = None)]), "InvalidRequest");
        assert_eq!(code(&[rule(|rule| rule.filter = None)]), "MalformedXML");
        assert_eq!(code(&[rule(|rule| rule.prefix = Some("a".to_owned()))]), "MalformedXML");
        assert_eq!(code(&[rule(|_| {}), rule(|_| {})]), "InvalidArgument");
        assert_eq!(code(&[rule(|rule| rule.id = Some("x".repeat(256)))]), "InvalidArgument");
        let never = LifecycleExpiration { days: Some(0), ..Default::default() };
        assert_eq!(code(&[rule(|rule| rule.expiration = Some(never))]), "InvalidArgument");
        let two = LifecycleExpiration { days: Some(1), expired_object_delete_marker: Some(true), date: None };
        assert_eq!(code(&[rule(|rule| rule.expiration = Some(two))]), "MalformedXML");
    }
}
