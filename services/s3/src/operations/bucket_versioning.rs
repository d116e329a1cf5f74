use aws::Ctx;
use s3s::dto::{
    BucketVersioningStatus, GetBucketVersioningInput, GetBucketVersioningOutput, MFADelete,
    PutBucketVersioningInput, PutBucketVersioningOutput,
};

use crate::S3;
use crate::access::Question;
use crate::error::Error;
use crate::records::Versioning;

pub fn get_questions(input: &GetBucketVersioningInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetBucketVersioning", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_questions(input: &PutBucketVersioningInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketVersioning", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// Nothing is shown of a bucket whose versioning was never enabled.
pub async fn get(
    s3: &S3,
    _ctx: &Ctx,
    input: GetBucketVersioningInput,
) -> Result<GetBucketVersioningOutput, Error> {
    let status = match s3.bucket(&input.bucket).await?.versioning {
        Versioning::Off => None,
        Versioning::Enabled => Some(BucketVersioningStatus::ENABLED),
        Versioning::Suspended => Some(BucketVersioningStatus::SUSPENDED),
    };
    Ok(GetBucketVersioningOutput {
        status: status.map(BucketVersioningStatus::from_static),
        mfa_delete: None,
    })
}

pub async fn put(
    s3: &S3,
    _ctx: &Ctx,
    input: PutBucketVersioningInput,
) -> Result<PutBucketVersioningOutput, Error> {
    let wanted = input.versioning_configuration;
    if wanted.mfa_delete.as_ref().map(MFADelete::as_str) == Some(MFADelete::ENABLED) {
        return Err(Error::NotImplemented("MFA delete is not implemented.".to_owned()));
    }
    let versioning = match wanted.status.as_ref().map(BucketVersioningStatus::as_str) {
        Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
        Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
        Some(_) | None => return Err(Error::MalformedXml),
    };
    super::change_bucket(s3, &input.bucket, move |bucket| {
        bucket.versioning = versioning;
        Ok(())
    })
    .await?;
    Ok(PutBucketVersioningOutput::default())
}
