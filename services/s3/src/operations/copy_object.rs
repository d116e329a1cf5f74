use aws::Ctx;
use s3s::dto::{
    ChecksumType, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, MetadataDirective,
    ObjectCannedACL, ServerSideEncryption, TaggingDirective,
};
use uuid::Uuid;

use crate::access::Question;
use crate::checksums::{Algorithm, Declared, Fields};
use crate::conditions::{ReadConditions, WriteConditions};
use crate::content::{self, Expected, Received};
use crate::error::Error;
use crate::events::Created;
use crate::reading::{self, Found, Wanted};
use crate::records::{Attributes, Body, Content, Object};
use crate::versions::NewVersion;
use crate::{S3, attributes, multipart, names, wire};

/// The object that a copy is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub bucket: String,
    pub key: String,
    pub version_id: Option<String>,
}

impl Source {
    /// Errors: `NotImplemented` for access points.
    pub fn of(source: &CopySource) -> Result<Self, Error> {
        match source {
            CopySource::Bucket { bucket, key, version_id } => Ok(Self {
                bucket: bucket.to_string(),
                key: key.to_string(),
                version_id: version_id.as_ref().map(ToString::to_string),
            }),
            CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
                Err(Error::NotImplemented("Access points are not implemented.".to_owned()))
            }
        }
    }

    /// Which policies are asked to read it.
    pub fn question(source: &CopySource, expected_owner: Option<&String>) -> Option<Question> {
        let Self { bucket, key, version_id } = Self::of(source).ok()?;
        let id = version_id.as_deref();
        let question = Question::version("s3:GetObject", "s3:GetObjectVersion", &bucket, &key, id);
        Some(question.owned_by(expected_owner))
    }

    pub fn wanted(self, conditions: ReadConditions) -> Wanted {
        Wanted {
            bucket: self.bucket,
            key: self.key,
            version_id: self.version_id,
            range: None,
            part_number: None,
            conditions,
            method: "COPY",
        }
    }
}

/// Whether a copy takes tags along, which is asked about by itself.
pub async fn takes_tags(s3: &S3, input: &CopyObjectInput) -> bool {
    if replaces(input.tagging_directive.as_ref().map(TaggingDirective::as_str)) {
        return false;
    }
    let Ok(source) = Source::of(&input.copy_source) else { return false };
    let found = find(s3, source.wanted(ReadConditions::default())).await;
    found.is_ok_and(|found| !found.object.tags.is_empty())
}

/// `takes_tags` is the answer of [`takes_tags`].
pub fn questions(
    input: &CopyObjectInput,
    conditions: Option<&WriteConditions>,
    takes_tags: bool,
) -> Vec<Question> {
    let encryption = input.server_side_encryption.as_ref().map(ServerSideEncryption::as_str);
    let put = Question::object("s3:PutObject", &input.bucket, &input.key)
        .when("s3:x-amz-server-side-encryption", encryption)
        .when("s3:x-amz-server-side-encryption-aws-kms-key-id", input.ssekms_key_id.as_ref())
        .when("s3:x-amz-acl", input.acl.as_ref().map(ObjectCannedACL::as_str))
        .when("s3:x-amz-metadata-directive", input.metadata_directive.as_ref().map(MetadataDirective::as_str))
        .owned_by(input.expected_bucket_owner.as_ref());
    let mut questions: Vec<Question> =
        Source::question(&input.copy_source, input.expected_source_bucket_owner.as_ref())
            .into_iter()
            .collect();
    questions.push(put);
    if takes_tags && let Ok(source) = Source::of(&input.copy_source) {
        let (plain, versioned) = ("s3:GetObjectTagging", "s3:GetObjectVersionTagging");
        let id = source.version_id.as_deref();
        questions.push(Question::version(plain, versioned, &source.bucket, &source.key, id));
    }
    if takes_tags || replaces(input.tagging_directive.as_ref().map(TaggingDirective::as_str)) {
        questions.push(Question::object("s3:PutObjectTagging", &input.bucket, &input.key));
    }
    if conditions.is_some_and(|conditions| conditions.if_match.is_some()) {
        questions.push(Question::object("s3:GetObject", &input.bucket, &input.key));
    }
    questions
}

/// Copies an object of up to 5 GiB. The copy is one piece, whatever the source was made of. `replacing` is asked of the
/// object that the copy replaces. Tags go along if `takes_tags`, for then the caller was asked whether he may.
pub async fn copy_object(
    s3: &S3,
    ctx: &Ctx,
    mut input: CopyObjectInput,
    replacing: Result<WriteConditions, Error>,
    takes_tags: bool,
) -> Result<CopyObjectOutput, Error> {
    names::check_key(&input.key)?;
    let replacing = replacing?;
    super::refuse_customer_key(input.copy_source_sse_customer_algorithm.as_ref())?;
    let source = Source::of(&input.copy_source)?;
    let onto_itself = source.bucket == input.bucket && source.key == input.key && source.version_id.is_none();
    let replaces_metadata = replaces(input.metadata_directive.as_ref().map(MetadataDirective::as_str));
    let replaces_tags = replaces(input.tagging_directive.as_ref().map(TaggingDirective::as_str));
    let changes = replaces_metadata
        || input.server_side_encryption.is_some()
        || input.storage_class.is_some()
        || input.website_redirect_location.is_some()
        || input.checksum_algorithm.is_some();
    if onto_itself && !changes {
        return Err(Error::InvalidRequest(
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes."
                .to_owned(),
        ));
    }
    let bucket = s3.bucket(&input.bucket).await?;
    let found = find(s3, source.wanted(ReadConditions::default())).await?;
    conditions(&mut input).check_copy_source(&found.object.etag, found.version.modified_at)?;
    if found.object.size > multipart::LARGEST_PART {
        return Err(Error::InvalidRequest(
            "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120"
                .to_owned(),
        ));
    }
    if !replaces_tags && !takes_tags && !found.object.tags.is_empty() {
        // They came since the caller was asked about.
        return Err(Error::SlowDown);
    }
    let algorithm = input.checksum_algorithm.as_ref().map(|algorithm| Algorithm::parse(algorithm.as_str()));
    let received = take(s3, &found, algorithm.transpose()?).await?;
    let requested = crate::requested_attributes!(input).resolve(&bucket)?;
    let tags = match input.tagging.as_deref() {
        Some(header) if replaces_tags => attributes::parse_tags(header)?,
        None if replaces_tags => Default::default(),
        Some(_) | None => found.object.tags.clone(),
    };
    let object = Object {
        size: received.size,
        etag: received.etag,
        body: Body::Blob(received.blob),
        attributes: if replaces_metadata {
            requested
        } else {
            inherited(&found.object.attributes, requested)
        },
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
        conditions: replacing,
    };
    let published = super::publish(s3, ctx, bucket.name, new, Created::CopyObject).await?;

    let mut result = CopyObjectResult {
        e_tag: Some(wire::etag(&object.etag)),
        last_modified: Some(wire::timestamp(published.version.modified_at)),
        ..Default::default()
    };
    if let Some(checksum) = &object.checksum {
        result.checksum_type = Some(ChecksumType::from(checksum.kind.as_str().to_owned()));
        crate::set_checksum_fields!(result, Fields::of(Some(checksum)));
    }
    let mut output = CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: crate::versions::shown_id(&found.version, found.versioning),
        version_id: published.shown_id,
        ..Default::default()
    };
    crate::show_encryption!(output, &object.attributes.encryption);
    Ok(output)
}

/// The object that is to be copied. Errors: those of reading, and `InvalidRequest` for a delete marker by its id.
pub async fn find(s3: &S3, wanted: Wanted) -> Result<Found, Error> {
    reading::find(s3, wanted).await.map_err(|error| match error {
        Error::IsDeleteMarker { .. } => Error::InvalidRequest(
            "The source of a copy request may not specifically refer to a delete marker by version id."
                .to_owned(),
        ),
        other => other,
    })
}

/// Reads a source again for its MD5 and checksum, and to make one blob of it. Equal bytes are stored once.
pub async fn take(s3: &S3, found: &Found, algorithm: Option<Algorithm>) -> Result<Received, Error> {
    use futures_util::TryStreamExt;
    let bytes = content::send(&s3.blobs, found.pieces()).map_err(Into::into);
    let inherited = found.object.checksum.as_ref().map(|checksum| checksum.algorithm);
    let expected = Expected {
        length: Some(found.length()),
        limit: multipart::LARGEST_PART,
        checksum: Declared { algorithm: algorithm.or(inherited), value: None },
        ..Expected::default()
    };
    content::receive(&s3.store, &s3.blobs, Box::pin(bytes), expected).await
}

fn replaces(directive: Option<&str>) -> bool {
    directive == Some("REPLACE")
}

/// The source's metadata, with what belongs to the place of the copy.
fn inherited(source: &Attributes, requested: Attributes) -> Attributes {
    Attributes {
        storage_class: requested.storage_class,
        encryption: requested.encryption,
        owner: requested.owner,
        website_redirect_location: requested.website_redirect_location,
        ..source.clone()
    }
}

fn conditions(input: &mut CopyObjectInput) -> ReadConditions {
    ReadConditions {
        if_match: input.copy_source_if_match.take(),
        if_none_match: input.copy_source_if_none_match.take(),
        if_modified_since: input.copy_source_if_modified_since.take(),
        if_unmodified_since: input.copy_source_if_unmodified_since.take(),
    }
}
