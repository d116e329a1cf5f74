use aws::Ctx;
use blob::collection;
use futures_util::{StreamExt, stream};
use s3s::dto::{UploadPartInput, UploadPartOutput};

use crate::access::Question;
use crate::checksums::{self, Declared, Fields};
use crate::content::{self, Expected, Received, Trailing};
use crate::error::Error;
use crate::records::{Part, Upload};
use crate::{S3, multipart, wire};

pub fn questions(input: &UploadPartInput) -> Vec<Question> {
    let question = Question::object("s3:PutObject", &input.bucket, &input.key);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// Stores a part; one of the same number is replaced.
pub async fn upload_part(
    s3: &S3,
    ctx: &Ctx,
    mut input: UploadPartInput,
    trailers: Option<Trailing>,
    trailer_names: Option<&str>,
) -> Result<UploadPartOutput, Error> {
    super::refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
    let number = multipart::part_number(input.part_number)?;
    let upload = upload(s3, &input.bucket, &input.key, &input.upload_id).await?;
    let algorithm = input.checksum_algorithm.as_ref().map(|algorithm| algorithm.as_str().to_owned());
    let mut checksum = Declared::new(crate::checksum_fields!(input), algorithm.as_deref(), trailer_names)?;
    check_algorithm(&upload, &mut checksum)?;
    let expected = Expected {
        length: input.content_length.and_then(|length| u64::try_from(length).ok()),
        limit: multipart::LARGEST_PART,
        content_md5: input.content_md5.take(),
        checksum,
        trailers,
    };
    let body = match input.body.take() {
        Some(body) => body.boxed(),
        None => stream::empty().boxed(),
    };
    let received = content::receive(&s3.store, &s3.blobs, body, expected).await?;
    let mut output = UploadPartOutput { e_tag: Some(wire::etag(&received.etag)), ..Default::default() };
    crate::show_encryption!(output, &upload.attributes.encryption);
    crate::set_checksum_fields!(output, Fields::of(Some(&received.checksum)));
    keep(s3, ctx, upload, number, received).await?;
    Ok(output)
}

/// The upload. Errors: `NoSuchBucket`, `NoSuchUpload`.
pub async fn upload(s3: &S3, bucket: &str, key: &str, id: &str) -> Result<Upload, Error> {
    let (bucket, key, id) = (bucket.to_owned(), key.to_owned(), id.to_owned());
    s3.store
        .read(move |tx| {
            crate::versions::bucket(tx, &bucket)?;
            let found = tx.get::<Upload>(&Upload::key_of(&bucket, &key, &id))?;
            found
                .map(store::Versioned::into_inner)
                .ok_or_else(|| Error::NoSuchUpload { upload_id: id.clone() })
        })
        .await
}

/// All parts of an upload have the checksum that was named at its beginning.
fn check_algorithm(upload: &Upload, declared: &mut Declared) -> Result<(), Error> {
    let wanted = upload.checksum_algorithm;
    match (wanted, declared.algorithm) {
        (Some(wanted), Some(given)) if wanted != given => Err(checksums::mismatch(wanted, given)),
        (wanted, _) => {
            // Where none was named, a part may bring any; only CRC64NVME then makes up the object's.
            declared.algorithm = declared.algorithm.or(wanted).or(Some(checksums::DEFAULT));
            Ok(())
        }
    }
}

/// Records a part. Errors: `NoSuchUpload` where the upload ended while the bytes came.
pub async fn keep(s3: &S3, ctx: &Ctx, upload: Upload, number: u32, received: Received) -> Result<(), Error> {
    let ticket = received.ticket;
    let part = Part {
        upload_id: upload.id.clone(),
        number,
        blob: received.blob,
        size: received.size,
        etag: received.etag,
        checksum: Some(received.checksum),
        modified_at: ctx.now(),
    };
    s3.store
        .write(move |tx| {
            if !tx.exists::<Upload>(&Upload::key_of(&upload.bucket, &upload.key, &upload.id))? {
                return Err(Error::NoSuchUpload { upload_id: upload.id.clone() });
            }
            collection::name(tx, &ticket, part.blob)?;
            tx.put(&part)?;
            Ok(())
        })
        .await
}
