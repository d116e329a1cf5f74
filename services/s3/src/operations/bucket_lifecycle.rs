use aws::Ctx;
use s3s::dto::{
    BucketLifecycleConfiguration, DeleteBucketLifecycleInput, DeleteBucketLifecycleOutput,
    GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput,
    PutBucketLifecycleConfigurationInput, PutBucketLifecycleConfigurationOutput,
};

use crate::S3;
use crate::access::Question;
use crate::error::Error;
use crate::records::Setting;

/// S3's limit of rules of a bucket.
const MOST_RULES: usize = 1000;

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
    let Some(configuration) = input.lifecycle_configuration else { return Err(Error::MalformedXml) };
    if configuration.rules.is_empty() || configuration.rules.len() > MOST_RULES {
        return Err(Error::MalformedXml);
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
