use aws::Ctx;
use s3s::dto::{
    CORSConfiguration, DeleteBucketCorsInput, DeleteBucketCorsOutput, GetBucketCorsInput,
    GetBucketCorsOutput, PutBucketCorsInput, PutBucketCorsOutput,
};

use crate::S3;
use crate::access::Question;
use crate::error::Error;
use crate::records::Setting;

pub fn get_questions(input: &GetBucketCorsInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetBucketCORS", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_questions(input: &PutBucketCorsInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketCORS", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn delete_questions(input: &DeleteBucketCorsInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketCORS", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// The rules by which browsers of other origins may call.
pub async fn get(s3: &S3, _ctx: &Ctx, input: GetBucketCorsInput) -> Result<GetBucketCorsOutput, Error> {
    let kept: CORSConfiguration = super::get_setting(
        s3,
        &input.bucket,
        Setting::Cors,
        "NoSuchCORSConfiguration",
        "The CORS configuration does not exist",
    )
    .await?;
    Ok(GetBucketCorsOutput { cors_rules: Some(kept.cors_rules) })
}

pub async fn put(s3: &S3, _ctx: &Ctx, input: PutBucketCorsInput) -> Result<PutBucketCorsOutput, Error> {
    super::put_setting(s3, &input.bucket, Setting::Cors, &input.cors_configuration).await?;
    Ok(PutBucketCorsOutput::default())
}

pub async fn delete(
    s3: &S3,
    _ctx: &Ctx,
    input: DeleteBucketCorsInput,
) -> Result<DeleteBucketCorsOutput, Error> {
    super::delete_setting(s3, &input.bucket, Setting::Cors).await?;
    Ok(DeleteBucketCorsOutput::default())
}
