use aws::Ctx;
use s3s::dto::{
    DeleteBucketOwnershipControlsInput, DeleteBucketOwnershipControlsOutput, GetBucketOwnershipControlsInput,
    GetBucketOwnershipControlsOutput, OwnershipControls, OwnershipControlsRule,
    PutBucketOwnershipControlsInput, PutBucketOwnershipControlsOutput,
};

use crate::access::Question;
use crate::error::Error;
use crate::records::Setting;
use crate::{S3, settings};

pub fn get_questions(input: &GetBucketOwnershipControlsInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetBucketOwnershipControls", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_questions(input: &PutBucketOwnershipControlsInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketOwnershipControls", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn delete_questions(input: &DeleteBucketOwnershipControlsInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketOwnershipControls", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// Who owns objects that others write.
pub async fn get(
    s3: &S3,
    _ctx: &Ctx,
    input: GetBucketOwnershipControlsInput,
) -> Result<GetBucketOwnershipControlsOutput, Error> {
    let kept: OwnershipControls = super::get_setting(
        s3,
        &input.bucket,
        Setting::OwnershipControls,
        "OwnershipControlsNotFoundError",
        "The bucket ownership controls were not found",
    )
    .await?;
    Ok(GetBucketOwnershipControlsOutput { ownership_controls: Some(kept) })
}

pub async fn put(
    s3: &S3,
    _ctx: &Ctx,
    input: PutBucketOwnershipControlsInput,
) -> Result<PutBucketOwnershipControlsOutput, Error> {
    let rules = &input.ownership_controls.rules;
    let known = |rule: &OwnershipControlsRule| settings::OWNERSHIPS.contains(&rule.object_ownership.as_str());
    if rules.len() != 1 || !rules.iter().all(known) {
        return Err(Error::MalformedXml);
    }
    super::put_setting(s3, &input.bucket, Setting::OwnershipControls, &input.ownership_controls).await?;
    Ok(PutBucketOwnershipControlsOutput::default())
}

pub async fn delete(
    s3: &S3,
    _ctx: &Ctx,
    input: DeleteBucketOwnershipControlsInput,
) -> Result<DeleteBucketOwnershipControlsOutput, Error> {
    super::delete_setting(s3, &input.bucket, Setting::OwnershipControls).await?;
    Ok(DeleteBucketOwnershipControlsOutput::default())
}
