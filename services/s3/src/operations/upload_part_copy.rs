use aws::Ctx;
use s3s::dto::{CopyPartResult, Range, UploadPartCopyInput, UploadPartCopyOutput};

use super::copy_object::{Source, find, take};
use super::upload_part::{keep, upload};
use crate::access::Question;
use crate::checksums::{self, Fields};
use crate::conditions::ReadConditions;
use crate::error::Error;
use crate::reading::{Found, Wanted};
use crate::{S3, multipart, wire};

pub fn questions(input: &UploadPartCopyInput) -> Vec<Question> {
    let mut questions: Vec<Question> =
        Source::question(&input.copy_source, input.expected_source_bucket_owner.as_ref())
            .into_iter()
            .collect();
    let put = Question::object("s3:PutObject", &input.bucket, &input.key);
    questions.push(put.owned_by(input.expected_bucket_owner.as_ref()));
    questions
}

/// Makes a part of an object, or of a range of it.
pub async fn upload_part_copy(
    s3: &S3,
    ctx: &Ctx,
    mut input: UploadPartCopyInput,
) -> Result<UploadPartCopyOutput, Error> {
    super::refuse_customer_key(input.copy_source_sse_customer_algorithm.as_ref())?;
    let number = multipart::part_number(input.part_number)?;
    let upload = upload(s3, &input.bucket, &input.key, &input.upload_id).await?;
    let wanted = Source::of(&input.copy_source)?.wanted(ReadConditions::default());
    let found = match input.copy_source_range.as_deref() {
        Some(range) => find_range(s3, wanted, range).await?,
        None => find(s3, wanted).await?,
    };
    let conditions = ReadConditions {
        if_match: input.copy_source_if_match.take(),
        if_none_match: input.copy_source_if_none_match.take(),
        if_modified_since: input.copy_source_if_modified_since.take(),
        if_unmodified_since: input.copy_source_if_unmodified_since.take(),
    };
    conditions.check_copy_source(&found.object.etag, found.version.modified_at)?;
    let algorithm = upload.checksum_algorithm.unwrap_or(checksums::DEFAULT);
    let received = take(s3, &found, Some(algorithm)).await?;
    let mut result = CopyPartResult {
        e_tag: Some(wire::etag(&received.etag)),
        last_modified: Some(wire::timestamp(ctx.now())),
        ..Default::default()
    };
    crate::set_checksum_fields!(result, Fields::of(Some(&received.checksum)));
    let mut output = UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id: crate::versions::shown_id(&found.version, found.versioning),
        ..Default::default()
    };
    crate::show_encryption!(output, &upload.attributes.encryption);
    keep(s3, ctx, upload, number, received).await?;
    Ok(output)
}

/// The object, with all of a range of it. Errors: `InvalidArgument` where it does not have all of it.
async fn find_range(s3: &S3, wanted: Wanted, text: &str) -> Result<Found, Error> {
    let range = parse_range(text)?;
    let outside = |size: u64| {
        let message = format!("Range specified is not valid for source object of size: {size}");
        Error::invalid_argument("x-amz-copy-source-range", text, message)
    };
    let found = find(s3, Wanted { range: Some(range), ..wanted }).await.map_err(|error| match error {
        Error::InvalidRange { size, .. } => outside(size),
        other => other,
    })?;
    match range {
        // Other readers are given what there is.
        Range::Int { last: Some(last), .. } if last >= found.object.size => Err(outside(found.object.size)),
        Range::Int { .. } | Range::Suffix { .. } => Ok(found),
    }
}

/// Unlike other ranges, this one has both ends. Errors: `InvalidArgument`.
fn parse_range(text: &str) -> Result<Range, Error> {
    match Range::parse(text) {
        Ok(range @ Range::Int { last: Some(_), .. }) => Ok(range),
        Ok(_) | Err(_) => Err(Error::invalid_argument(
            "x-amz-copy-source-range",
            text,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy",
        )),
    }
}
