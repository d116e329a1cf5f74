use aws::Ctx;
use futures_util::{StreamExt, stream};
use s3s::dto::{
    ChecksumType, ObjectCannedACL, PutObjectInput, PutObjectOutput, ServerSideEncryption, StorageClass,
};
use uuid::Uuid;

use crate::access::Question;
use crate::checksums::{Declared, Fields};
use crate::conditions::WriteConditions;
use crate::content::{self, Expected, Trailing};
use crate::error::Error;
use crate::events::Created;
use crate::records::{Body, Content, Object};
use crate::versions::NewVersion;
use crate::{S3, attributes, multipart, names, wire};

/// The form of a browser, which the decoder makes a call of this operation.
pub const FORM: &str = "PostObject";

pub fn questions(input: &PutObjectInput) -> Vec<Question> {
    let owner = input.expected_bucket_owner.as_ref();
    let encryption = input.server_side_encryption.as_ref().map(ServerSideEncryption::as_str);
    let put = Question::object("s3:PutObject", &input.bucket, &input.key)
        .when("s3:x-amz-server-side-encryption", encryption)
        .when("s3:x-amz-server-side-encryption-aws-kms-key-id", input.ssekms_key_id.as_ref())
        .when("s3:x-amz-acl", input.acl.as_ref().map(ObjectCannedACL::as_str))
        .when("s3:x-amz-storage-class", input.storage_class.as_ref().map(StorageClass::as_str))
        .when("s3:if-none-match", input.if_none_match.as_ref().map(|_| "*"))
        .owned_by(owner);
    let mut questions = vec![put];
    if input.tagging.is_some() {
        questions.push(Question::object("s3:PutObjectTagging", &input.bucket, &input.key));
    }
    if input.if_match.is_some() {
        questions.push(Question::object("s3:GetObject", &input.bucket, &input.key));
    }
    questions
}

/// Stores an object. `trailers` hold a checksum that comes after the body, which `trailer_names` announce.
/// It is durable, and its event appended, when this returns.
pub async fn put_object(
    s3: &S3,
    ctx: &Ctx,
    mut input: PutObjectInput,
    trailers: Option<Trailing>,
    trailer_names: Option<&str>,
) -> Result<PutObjectOutput, Error> {
    names::check_key(&input.key)?;
    if input.write_offset_bytes.is_some() {
        let message = "Appending to objects is for directory buckets, which are not implemented.";
        return Err(Error::NotImplemented(message.to_owned()));
    }
    let bucket = s3.bucket(&input.bucket).await?;
    let attributes = crate::requested_attributes!(input).resolve(&bucket)?;
    let tags = attributes::parse_tags(input.tagging.as_deref().unwrap_or_default())?;
    let conditions = WriteConditions::new(input.if_match.take(), input.if_none_match.take())?;
    let algorithm = input.checksum_algorithm.as_ref().map(|algorithm| algorithm.as_str().to_owned());
    let expected = Expected {
        length: input.content_length.and_then(|length| u64::try_from(length).ok()),
        limit: multipart::LARGEST_PART,
        content_md5: input.content_md5.take(),
        checksum: Declared::new(crate::checksum_fields!(input), algorithm.as_deref(), trailer_names)?,
        trailers,
    };
    let body = match input.body.take() {
        Some(body) => body.boxed(),
        None => stream::empty().boxed(),
    };
    let received = content::receive(&s3.store, &s3.blobs, body, expected).await?;
    let object = Object {
        size: received.size,
        etag: received.etag,
        body: Body::Blob(received.blob),
        attributes,
        tags,
        checksum: Some(received.checksum),
        upload_id: None,
    };
    let new = NewVersion {
        key: input.key,
        content: Content::Object(Box::new(object.clone())),
        ticket: Some(received.ticket),
        at: ctx.now(),
        random: Uuid::new_v4(),
        conditions,
    };
    let reason = if ctx.operation == FORM { Created::PostObject } else { Created::PutObject };
    let version_id = super::publish(s3, ctx, bucket.name, new, reason).await?.shown_id;

    let mut output =
        PutObjectOutput { version_id, e_tag: Some(wire::etag(&object.etag)), ..Default::default() };
    crate::show_encryption!(output, &object.attributes.encryption);
    if let Some(checksum) = &object.checksum {
        output.checksum_type = Some(ChecksumType::from(checksum.kind.as_str().to_owned()));
        crate::set_checksum_fields!(output, Fields::of(Some(checksum)));
    }
    Ok(output)
}
