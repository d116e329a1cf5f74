use aws::Ctx;
use s3s::dto::{
    DeleteBucketTaggingInput, DeleteBucketTaggingOutput, GetBucketTaggingInput, GetBucketTaggingOutput,
    PutBucketTaggingInput, PutBucketTaggingOutput, Tagging,
};

use crate::access::Question;
use crate::error::Error;
use crate::records::Setting;
use crate::{S3, attributes};

/// S3's limit of tags of a bucket.
const MOST_TAGS: usize = 50;

pub fn get_questions(input: &GetBucketTaggingInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetBucketTagging", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_questions(input: &PutBucketTaggingInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketTagging", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn delete_questions(input: &DeleteBucketTaggingInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketTagging", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub async fn get(s3: &S3, _ctx: &Ctx, input: GetBucketTaggingInput) -> Result<GetBucketTaggingOutput, Error> {
    let (code, message) = ("NoSuchTagSet", "The TagSet does not exist");
    let kept: Tagging = super::get_setting(s3, &input.bucket, Setting::Tagging, code, message).await?;
    Ok(GetBucketTaggingOutput { tag_set: kept.tag_set })
}

/// Replaces all tags.
pub async fn put(s3: &S3, _ctx: &Ctx, input: PutBucketTaggingInput) -> Result<PutBucketTaggingOutput, Error> {
    let pairs = input.tagging.tag_set.into_iter();
    let pairs = pairs.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
    let tagging = Tagging { tag_set: attributes::tag_set(&attributes::tags(pairs, MOST_TAGS)?) };
    super::put_setting(s3, &input.bucket, Setting::Tagging, &tagging).await?;
    Ok(PutBucketTaggingOutput::default())
}

pub async fn delete(
    s3: &S3,
    _ctx: &Ctx,
    input: DeleteBucketTaggingInput,
) -> Result<DeleteBucketTaggingOutput, Error> {
    super::delete_setting(s3, &input.bucket, Setting::Tagging).await?;
    Ok(DeleteBucketTaggingOutput::default())
}
