use aws::Ctx;
use s3s::dto::{HeadObjectInput, HeadObjectOutput};

use crate::S3;
use crate::access::Question;
use crate::conditions::ReadConditions;
use crate::error::Error;
use crate::reading::{self, Wanted};

pub fn questions(input: &HeadObjectInput) -> Vec<Question> {
    let version_id = input.version_id.as_deref();
    let question =
        Question::version("s3:GetObject", "s3:GetObjectVersion", &input.bucket, &input.key, version_id);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// Describes an object as GetObject does, without its bytes.
pub async fn head_object(s3: &S3, _ctx: &Ctx, input: HeadObjectInput) -> Result<HeadObjectOutput, Error> {
    super::refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
    let wanted = Wanted {
        bucket: input.bucket,
        key: input.key,
        version_id: input.version_id,
        range: input.range,
        part_number: input.part_number,
        conditions: ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        },
        method: "HEAD",
    };
    let found = reading::find(s3, wanted).await?;
    let mut output = HeadObjectOutput::default();
    crate::describe!(output, &found, input.checksum_mode.is_some());
    Ok(output)
}
