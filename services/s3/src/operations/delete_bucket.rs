use aws::Ctx;
use s3s::dto::{DeleteBucketInput, DeleteBucketOutput};
use store::{Key, Range};

use crate::S3;
use crate::access::Question;
use crate::error::Error;
use crate::records::{Bucket, Upload, Version};
use crate::versions;

pub fn questions(input: &DeleteBucketInput) -> Vec<Question> {
    let question = Question::bucket("s3:DeleteBucket", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// Deletes an empty bucket. Uploads in progress go with it.
/// Errors: `BucketNotEmpty`, also where only old versions or delete markers are left.
pub async fn delete_bucket(
    s3: &S3,
    _ctx: &Ctx,
    input: DeleteBucketInput,
) -> Result<DeleteBucketOutput, Error> {
    s3.store
        .write(move |tx| {
            let bucket = versions::bucket(tx, &input.bucket)?;
            let inside = || Range::prefix(Key::of(&bucket.name));
            if let Some(version) = tx.scan::<Version>(inside(), 1)?.into_records().into_iter().next() {
                let hint = if version.id.is_null() && !version.is_delete_marker() {
                    ""
                } else {
                    ". You must delete all versions in the bucket."
                };
                return Err(Error::BucketNotEmpty { bucket: bucket.name.clone(), hint });
            }
            while let Some(upload) = tx.scan::<Upload>(inside(), 1)?.into_records().into_iter().next() {
                versions::remove_parts(tx, &upload.id)?;
                tx.delete::<Upload>(&Upload::key_of(&upload.bucket, &upload.key, &upload.id))?;
            }
            tx.delete::<Bucket>(&Bucket::key_of(&bucket.name))?;
            Ok(())
        })
        .await?;
    Ok(DeleteBucketOutput::default())
}
