use aws::Ctx;
use futures_util::TryStreamExt;
use http_body::Frame;
use http_body_util::StreamBody;
use s3s::dto::{GetObjectInput, GetObjectOutput, StreamingBlob};

use crate::access::Question;
use crate::conditions::ReadConditions;
use crate::error::Error;
use crate::reading::{self, Wanted};
use crate::{S3, content, wire};

pub fn questions(input: &GetObjectInput) -> Vec<Question> {
    let version_id = input.version_id.as_deref();
    let question =
        Question::version("s3:GetObject", "s3:GetObjectVersion", &input.bucket, &input.key, version_id);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// Streams an object, or the part of it that was asked for.
pub async fn get_object(s3: &S3, _ctx: &Ctx, input: GetObjectInput) -> Result<GetObjectOutput, Error> {
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
        method: "GET",
    };
    let found = reading::find(s3, wanted).await?;
    let mut output = GetObjectOutput::default();
    crate::describe!(output, &found, input.checksum_mode.is_some());
    output.tag_count = (!found.object.tags.is_empty()).then(|| wire::count(found.object.tags.len()));
    let frames = content::send(&s3.blobs, found.pieces()).map_ok(Frame::data);
    output.body = Some(StreamingBlob::from(s3s::Body::http_body_unsync(StreamBody::new(frames))));
    Ok(output)
}
