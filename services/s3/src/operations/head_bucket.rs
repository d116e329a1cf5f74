use aws::Ctx;
use s3s::dto::{HeadBucketInput, HeadBucketOutput};

use crate::S3;
use crate::access::Question;
use crate::error::Error;

pub fn questions(input: &HeadBucketInput) -> Vec<Question> {
    let question = Question::bucket("s3:ListBucket", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// Tells whether a bucket is there, and its region.
pub async fn head_bucket(s3: &S3, _ctx: &Ctx, input: HeadBucketInput) -> Result<HeadBucketOutput, Error> {
    let bucket = s3.bucket(&input.bucket).await?;
    Ok(HeadBucketOutput { bucket_region: Some(bucket.scope.region.to_string()), ..Default::default() })
}
