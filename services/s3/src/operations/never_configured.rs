//! Settings that cannot be made here, and so were never made: their Get operations answer what S3 answers then.
//! Tools that take stock of a bucket ask for all of them. Putting them is not implemented, and answers so.

use aws::Ctx;
use s3s::dto::{
    GetBucketAccelerateConfigurationInput, GetBucketAccelerateConfigurationOutput, GetBucketLoggingInput,
    GetBucketLoggingOutput, GetBucketReplicationInput, GetBucketReplicationOutput,
    GetBucketRequestPaymentInput, GetBucketRequestPaymentOutput, GetBucketWebsiteInput,
    GetBucketWebsiteOutput, GetObjectLockConfigurationInput, GetObjectLockConfigurationOutput, Payer,
};

use crate::S3;
use crate::access::Question;
use crate::error::Error;

macro_rules! asked {
    ($($name:ident: $input:ident = $action:literal;)*) => {
        $(pub fn $name(input: &$input) -> Vec<Question> {
            let question = Question::bucket($action, &input.bucket);
            vec![question.owned_by(input.expected_bucket_owner.as_ref())]
        })*
    };
}

asked! {
    accelerate_questions: GetBucketAccelerateConfigurationInput = "s3:GetAccelerateConfiguration";
    logging_questions: GetBucketLoggingInput = "s3:GetBucketLogging";
    object_lock_questions: GetObjectLockConfigurationInput = "s3:GetBucketObjectLockConfiguration";
    replication_questions: GetBucketReplicationInput = "s3:GetReplicationConfiguration";
    request_payment_questions: GetBucketRequestPaymentInput = "s3:GetBucketRequestPayment";
    website_questions: GetBucketWebsiteInput = "s3:GetBucketWebsite";
}

pub async fn accelerate(
    s3: &S3,
    _ctx: &Ctx,
    input: GetBucketAccelerateConfigurationInput,
) -> Result<GetBucketAccelerateConfigurationOutput, Error> {
    s3.bucket(&input.bucket).await?;
    Ok(GetBucketAccelerateConfigurationOutput::default())
}

pub async fn logging(
    s3: &S3,
    _ctx: &Ctx,
    input: GetBucketLoggingInput,
) -> Result<GetBucketLoggingOutput, Error> {
    s3.bucket(&input.bucket).await?;
    Ok(GetBucketLoggingOutput::default())
}

pub async fn request_payment(
    s3: &S3,
    _ctx: &Ctx,
    input: GetBucketRequestPaymentInput,
) -> Result<GetBucketRequestPaymentOutput, Error> {
    s3.bucket(&input.bucket).await?;
    Ok(GetBucketRequestPaymentOutput { payer: Some(Payer::from_static(Payer::BUCKET_OWNER)) })
}

pub async fn object_lock(
    s3: &S3,
    _ctx: &Ctx,
    input: GetObjectLockConfigurationInput,
) -> Result<GetObjectLockConfigurationOutput, Error> {
    let message = "Object Lock configuration does not exist for this bucket";
    Err(absent(s3, &input.bucket, "ObjectLockConfigurationNotFoundError", message).await)
}

pub async fn replication(
    s3: &S3,
    _ctx: &Ctx,
    input: GetBucketReplicationInput,
) -> Result<GetBucketReplicationOutput, Error> {
    let message = "The replication configuration was not found";
    Err(absent(s3, &input.bucket, "ReplicationConfigurationNotFoundError", message).await)
}

pub async fn website(
    s3: &S3,
    _ctx: &Ctx,
    input: GetBucketWebsiteInput,
) -> Result<GetBucketWebsiteOutput, Error> {
    let message = "The specified bucket does not have a website configuration";
    Err(absent(s3, &input.bucket, "NoSuchWebsiteConfiguration", message).await)
}

async fn absent(s3: &S3, bucket: &str, code: &'static str, message: &'static str) -> Error {
    match s3.bucket(bucket).await {
        Ok(bucket) => Error::NoSuchSetting { code, message, bucket: bucket.name },
        Err(error) => error,
    }
}
