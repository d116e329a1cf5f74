use aws::Ctx;
use s3s::dto::{
    DeleteBucketPolicyInput, DeleteBucketPolicyOutput, GetBucketPolicyInput, GetBucketPolicyOutput,
    GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, PolicyStatus, PutBucketPolicyInput,
    PutBucketPolicyOutput,
};

use crate::access::Question;
use crate::error::Error;
use crate::{S3, policy, settings};

pub fn get_questions(input: &GetBucketPolicyInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetBucketPolicy", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn status_questions(input: &GetBucketPolicyStatusInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetBucketPolicyStatus", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_questions(input: &PutBucketPolicyInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketPolicy", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn delete_questions(input: &DeleteBucketPolicyInput) -> Vec<Question> {
    let question = Question::bucket("s3:DeleteBucketPolicy", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub async fn get(s3: &S3, _ctx: &Ctx, input: GetBucketPolicyInput) -> Result<GetBucketPolicyOutput, Error> {
    Ok(GetBucketPolicyOutput { policy: Some(policy_of(s3, &input.bucket).await?) })
}

/// Whether the policy lets anybody in.
pub async fn status(
    s3: &S3,
    _ctx: &Ctx,
    input: GetBucketPolicyStatusInput,
) -> Result<GetBucketPolicyStatusOutput, Error> {
    let is_public = policy::is_public(&policy_of(s3, &input.bucket).await?);
    Ok(GetBucketPolicyStatusOutput { policy_status: Some(PolicyStatus { is_public: Some(is_public) }) })
}

/// Sets the policy. Errors: `MalformedPolicy`; `AccessDenied` for a public one where those are blocked.
pub async fn put(s3: &S3, ctx: &Ctx, input: PutBucketPolicyInput) -> Result<PutBucketPolicyOutput, Error> {
    let (document, caller) = (input.policy, ctx.caller.principal.arn());
    let arn = s3.bucket(&input.bucket).await?.arn();
    policy::check(&document, &arn)?;
    s3.check_readable(ctx, &arn, &document).await?;
    super::change_bucket(s3, &input.bucket, move |bucket| {
        let blocked = settings::public_access_block(bucket).block_public_policy == Some(true);
        if blocked && policy::is_public(&document) {
            return Err(Error::AccessDenied(format!(
                "User: {caller} is not authorized to perform: s3:PutBucketPolicy on resource: \"{}\" because public \
                 policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
                bucket.arn()
            )));
        }
        bucket.policy = Some(document.clone());
        Ok(())
    })
    .await?;
    Ok(PutBucketPolicyOutput::default())
}

/// Takes the policy away; taking it away again changes nothing.
pub async fn delete(
    s3: &S3,
    _ctx: &Ctx,
    input: DeleteBucketPolicyInput,
) -> Result<DeleteBucketPolicyOutput, Error> {
    super::change_bucket(s3, &input.bucket, |bucket| {
        bucket.policy = None;
        Ok(())
    })
    .await?;
    Ok(DeleteBucketPolicyOutput::default())
}

async fn policy_of(s3: &S3, bucket: &str) -> Result<String, Error> {
    let bucket = s3.bucket(bucket).await?;
    bucket.policy.ok_or(Error::NoSuchSetting {
        code: "NoSuchBucketPolicy",
        message: "The bucket policy does not exist",
        bucket: bucket.name,
    })
}
