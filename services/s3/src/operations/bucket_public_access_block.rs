use aws::Ctx;
use s3s::dto::{
    DeletePublicAccessBlockInput, DeletePublicAccessBlockOutput, GetPublicAccessBlockInput,
    GetPublicAccessBlockOutput, PublicAccessBlockConfiguration, PutPublicAccessBlockInput,
    PutPublicAccessBlockOutput,
};

use crate::S3;
use crate::access::Question;
use crate::error::Error;
use crate::records::Setting;

pub fn get_questions(input: &GetPublicAccessBlockInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetBucketPublicAccessBlock", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_questions(input: &PutPublicAccessBlockInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketPublicAccessBlock", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn delete_questions(input: &DeletePublicAccessBlockInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketPublicAccessBlock", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// What of public access is blocked.
pub async fn get(
    s3: &S3,
    _ctx: &Ctx,
    input: GetPublicAccessBlockInput,
) -> Result<GetPublicAccessBlockOutput, Error> {
    let kept: PublicAccessBlockConfiguration = super::get_setting(
        s3,
        &input.bucket,
        Setting::PublicAccessBlock,
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
    )
    .await?;
    Ok(GetPublicAccessBlockOutput { public_access_block_configuration: Some(kept) })
}

pub async fn put(
    s3: &S3,
    _ctx: &Ctx,
    input: PutPublicAccessBlockInput,
) -> Result<PutPublicAccessBlockOutput, Error> {
    super::put_setting(
        s3,
        &input.bucket,
        Setting::PublicAccessBlock,
        &input.public_access_block_configuration,
    )
    .await?;
    Ok(PutPublicAccessBlockOutput::default())
}

pub async fn delete(
    s3: &S3,
    _ctx: &Ctx,
    input: DeletePublicAccessBlockInput,
) -> Result<DeletePublicAccessBlockOutput, Error> {
    super::delete_setting(s3, &input.bucket, Setting::PublicAccessBlock).await?;
    Ok(DeletePublicAccessBlockOutput::default())
}
