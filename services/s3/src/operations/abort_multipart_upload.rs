use aws::Ctx;
use s3s::dto::{AbortMultipartUploadInput, AbortMultipartUploadOutput};

use crate::S3;
use crate::access::Question;
use crate::error::Error;
use crate::records::Upload;
use crate::versions;

pub fn questions(input: &AbortMultipartUploadInput) -> Vec<Question> {
    let question = Question::object("s3:AbortMultipartUpload", &input.bucket, &input.key);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// Ends an upload without an object. Errors: `NoSuchUpload`, also when it was completed.
pub async fn abort_multipart_upload(
    s3: &S3,
    _ctx: &Ctx,
    input: AbortMultipartUploadInput,
) -> Result<AbortMultipartUploadOutput, Error> {
    s3.store
        .write(move |tx| {
            versions::bucket(tx, &input.bucket)?;
            if !tx.delete::<Upload>(&Upload::key_of(&input.bucket, &input.key, &input.upload_id))? {
                return Err(Error::NoSuchUpload { upload_id: input.upload_id.clone() });
            }
            versions::remove_parts(tx, &input.upload_id)
        })
        .await?;
    Ok(AbortMultipartUploadOutput::default())
}
