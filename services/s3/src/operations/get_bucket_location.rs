use aws::Ctx;
use s3s::dto::{BucketLocationConstraint, GetBucketLocationInput, GetBucketLocationOutput};

use crate::S3;
use crate::access::Question;
use crate::error::Error;

pub fn questions(input: &GetBucketLocationInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetBucketLocation", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// The bucket's region; `us-east-1` is shown as nothing.
pub async fn get_bucket_location(
    s3: &S3,
    _ctx: &Ctx,
    input: GetBucketLocationInput,
) -> Result<GetBucketLocationOutput, Error> {
    let region = s3.bucket(&input.bucket).await?.scope.region.to_string();
    let location_constraint = (region != "us-east-1").then(|| BucketLocationConstraint::from(region));
    Ok(GetBucketLocationOutput { location_constraint })
}
