use aws::Ctx;
use s3s::dto::{
    DeleteBucketEncryptionInput, DeleteBucketEncryptionOutput, GetBucketEncryptionInput,
    GetBucketEncryptionOutput, PutBucketEncryptionInput, PutBucketEncryptionOutput, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};

use crate::access::Question;
use crate::error::Error;
use crate::records::Setting;
use crate::{S3, settings};

pub fn get_questions(input: &GetBucketEncryptionInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetEncryptionConfiguration", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_questions(input: &PutBucketEncryptionInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutEncryptionConfiguration", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn delete_questions(input: &DeleteBucketEncryptionInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutEncryptionConfiguration", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// The encryption of objects whose writer names none. A bucket that was never configured shows the default.
pub async fn get(
    s3: &S3,
    _ctx: &Ctx,
    input: GetBucketEncryptionInput,
) -> Result<GetBucketEncryptionOutput, Error> {
    let bucket = s3.bucket(&input.bucket).await?;
    let kept: Option<ServerSideEncryptionConfiguration> = settings::of(&bucket, Setting::Encryption)?;
    Ok(GetBucketEncryptionOutput {
        server_side_encryption_configuration: Some(kept.unwrap_or_else(unconfigured)),
    })
}

fn unconfigured() -> ServerSideEncryptionConfiguration {
    let default = ServerSideEncryptionByDefault {
        kms_master_key_id: None,
        sse_algorithm: ServerSideEncryption::from_static(ServerSideEncryption::AES256),
    };
    let rule = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(default),
        bucket_key_enabled: Some(false),
    };
    ServerSideEncryptionConfiguration { rules: vec![rule] }
}

pub async fn put(
    s3: &S3,
    _ctx: &Ctx,
    input: PutBucketEncryptionInput,
) -> Result<PutBucketEncryptionOutput, Error> {
    let algorithms = ["AES256", "aws:kms", "aws:kms:dsse"];
    let rules = &input.server_side_encryption_configuration.rules;
    let known = |rule: &ServerSideEncryptionRule| {
        rule.apply_server_side_encryption_by_default
            .as_ref()
            .is_none_or(|default| algorithms.contains(&default.sse_algorithm.as_str()))
    };
    if rules.len() != 1 || !rules.iter().all(known) {
        return Err(Error::MalformedXml);
    }
    super::put_setting(s3, &input.bucket, Setting::Encryption, &input.server_side_encryption_configuration)
        .await?;
    Ok(PutBucketEncryptionOutput::default())
}

pub async fn delete(
    s3: &S3,
    _ctx: &Ctx,
    input: DeleteBucketEncryptionInput,
) -> Result<DeleteBucketEncryptionOutput, Error> {
    super::delete_setting(s3, &input.bucket, Setting::Encryption).await?;
    Ok(DeleteBucketEncryptionOutput::default())
}
