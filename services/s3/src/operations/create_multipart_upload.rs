use aws::Ctx;
use s3s::dto::{
    ChecksumAlgorithm, ChecksumType as WireChecksumType, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ObjectCannedACL, ServerSideEncryption,
};
use uuid::Uuid;

use crate::access::Question;
use crate::checksums::{self, Algorithm, ChecksumType};
use crate::error::Error;
use crate::records::Upload;
use crate::{S3, attributes, names, versions};

pub fn questions(input: &CreateMultipartUploadInput) -> Vec<Question> {
    let encryption = input.server_side_encryption.as_ref().map(ServerSideEncryption::as_str);
    let put = Question::object("s3:PutObject", &input.bucket, &input.key)
        .when("s3:x-amz-server-side-encryption", encryption)
        .when("s3:x-amz-server-side-encryption-aws-kms-key-id", input.ssekms_key_id.as_ref())
        .when("s3:x-amz-acl", input.acl.as_ref().map(ObjectCannedACL::as_str))
        .owned_by(input.expected_bucket_owner.as_ref());
    let mut questions = vec![put];
    if input.tagging.is_some() {
        questions.push(Question::object("s3:PutObjectTagging", &input.bucket, &input.key));
    }
    questions
}

/// Begins an upload in parts. What is said here of the object becomes the object's when it is completed.
pub async fn create_multipart_upload(
    s3: &S3,
    ctx: &Ctx,
    mut input: CreateMultipartUploadInput,
) -> Result<CreateMultipartUploadOutput, Error> {
    names::check_key(&input.key)?;
    let bucket = s3.bucket(&input.bucket).await?;
    let attributes = crate::requested_attributes!(input).resolve(&bucket)?;
    let algorithm = input
        .checksum_algorithm
        .as_ref()
        .map(|algorithm| Algorithm::parse(algorithm.as_str()))
        .transpose()?;
    let asked = input.checksum_type.as_ref().map(|kind| ChecksumType::parse(kind.as_str())).transpose()?;
    let checksum_type = checksum_type(algorithm, asked)?;
    let upload = Upload {
        bucket: input.bucket,
        key: input.key,
        // The time first, so that the uploads of a key are listed in the order of their beginnings.
        id: format!("{:013x}.{}", ctx.now().as_millis(), Uuid::new_v4().simple()),
        initiated_at: ctx.now(),
        initiator: ctx.caller.principal.arn(),
        attributes,
        tags: attributes::parse_tags(input.tagging.as_deref().unwrap_or_default())?,
        checksum_algorithm: algorithm,
        checksum_type,
    };
    let mut output = CreateMultipartUploadOutput {
        bucket: Some(upload.bucket.clone()),
        key: Some(upload.key.clone()),
        upload_id: Some(upload.id.clone()),
        checksum_algorithm: algorithm.map(|algorithm| ChecksumAlgorithm::from(algorithm.as_str().to_owned())),
        checksum_type: algorithm.map(|_| WireChecksumType::from(checksum_type.as_str().to_owned())),
        ..Default::default()
    };
    crate::show_encryption!(output, &upload.attributes.encryption);
    s3.store
        .write(move |tx| {
            versions::bucket(tx, &upload.bucket)?;
            tx.put(&upload)?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(output)
}

fn checksum_type(algorithm: Option<Algorithm>, asked: Option<ChecksumType>) -> Result<ChecksumType, Error> {
    let chosen = algorithm.unwrap_or(checksums::DEFAULT);
    let kind = asked.unwrap_or(chosen.default_type());
    if chosen.supports(kind) {
        return Ok(kind);
    }
    Err(Error::InvalidRequest(format!(
        "The {} checksum type cannot be used with the {} checksum algorithm.",
        kind.as_str(),
        chosen.as_str().to_lowercase()
    )))
}
