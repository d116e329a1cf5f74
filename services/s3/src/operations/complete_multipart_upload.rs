use aws::Ctx;
use s3s::dto::{
    ChecksumType as WireChecksumType, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CompletedPart,
};
use store::WriteTx;
use uuid::Uuid;

use crate::access::Question;
use crate::checksums::{self, Algorithm, Fields, StoredChecksum};
use crate::conditions::WriteConditions;
use crate::error::Error;
use crate::events::{self, Created, Teller};
use crate::multipart::{self, Assembled};
use crate::records::{Body, Bucket, Content, Object, Part, Upload, Version};
use crate::versions::{self, NewVersion};
use crate::{S3, wire};

pub fn questions(input: &CompleteMultipartUploadInput) -> Vec<Question> {
    let owner = input.expected_bucket_owner.as_ref();
    let mut questions = vec![Question::object("s3:PutObject", &input.bucket, &input.key).owned_by(owner)];
    if input.if_match.is_some() {
        questions.push(Question::object("s3:GetObject", &input.bucket, &input.key));
    }
    questions
}

/// What a client says of the completed object.
#[derive(Clone)]
struct Completion {
    bucket: String,
    key: String,
    upload_id: String,
    parts: Vec<CompletedPart>,
    conditions: WriteConditions,
    checksum: Option<(Algorithm, String)>,
    checksum_type: Option<String>,
    size: Option<u64>,
    random: Uuid,
}

/// Makes an object of the parts named. Parts that are not named are dropped.
/// Completing again what was completed answers the same.
pub async fn complete_multipart_upload(
    s3: &S3,
    ctx: &Ctx,
    mut input: CompleteMultipartUploadInput,
) -> Result<CompleteMultipartUploadOutput, Error> {
    let mut given = crate::checksum_fields!(input).given().into_iter();
    let checksum = given.next();
    if given.next().is_some() {
        return Err(checksums::several());
    }
    let completion = Completion {
        conditions: WriteConditions::new(input.if_match.take(), input.if_none_match.take())?,
        checksum,
        checksum_type: input.checksum_type.as_ref().map(|kind| kind.as_str().to_owned()),
        size: input.mpu_object_size.and_then(|size| u64::try_from(size).ok()),
        parts: input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default(),
        bucket: input.bucket,
        key: input.key,
        upload_id: input.upload_id,
        random: Uuid::new_v4(),
    };
    let location = format!("/{}/{}", completion.bucket, completion.key);
    let caller = ctx.clone();
    let (version, bucket) = s3.store.write(move |tx| complete(tx, &caller, &completion)).await?;
    let Some(object) = version.object() else {
        return Err(Error::internal("a completed upload has no object"));
    };
    let mut output = CompleteMultipartUploadOutput {
        location: Some(location),
        e_tag: Some(wire::etag(&object.etag)),
        version_id: versions::shown_id(&version, bucket.versioning),
        bucket: Some(version.bucket.clone()),
        key: Some(version.key.clone()),
        ..Default::default()
    };
    crate::show_encryption!(output, &object.attributes.encryption);
    if let Some(checksum) = &object.checksum {
        output.checksum_type = Some(WireChecksumType::from(checksum.kind.as_str().to_owned()));
        crate::set_checksum_fields!(output, Fields::of(Some(checksum)));
    }
    Ok(output)
}

fn complete(tx: &mut WriteTx<'_>, ctx: &Ctx, wanted: &Completion) -> Result<(Version, Bucket), Error> {
    let bucket = versions::bucket(tx, &wanted.bucket)?;
    let upload_key = Upload::key_of(&wanted.bucket, &wanted.key, &wanted.upload_id);
    let Some(upload) = tx.get::<Upload>(&upload_key)? else {
        return match completed_before(tx, wanted)? {
            Some(version) => Ok((version, bucket)),
            None => Err(Error::NoSuchUpload { upload_id: wanted.upload_id.clone() }),
        };
    };
    let uploaded = versions::parts(tx, &upload.id)?;
    let assembled = multipart::assemble(&upload, &uploaded, wanted.parts.clone())?;
    check(wanted, &upload, &assembled)?;
    for part in uploaded.iter().filter(|part| assembled.numbers.binary_search(&part.number).is_err()) {
        tx.delete::<Part>(&Part::key_of(&upload.id, part.number))?;
    }
    let upload = upload.into_inner();
    let new = NewVersion {
        key: upload.key.clone(),
        content: Content::Object(Box::new(object_of(&upload, assembled))),
        ticket: None,
        at: ctx.now(),
        random: wanted.random,
        conditions: wanted.conditions.clone(),
    };
    let version = versions::insert(tx, &bucket, &new)?;
    tx.delete::<Upload>(&upload_key)?;
    events::object_created(tx, &Teller::of(ctx), &bucket, &version, Created::CompleteMultipartUpload)?;
    Ok((version, bucket))
}

/// The object that an earlier completion of the same upload made, as long as it is the newest.
fn completed_before(tx: &mut WriteTx<'_>, wanted: &Completion) -> Result<Option<Version>, Error> {
    let newest = versions::newest(tx, &wanted.bucket, &wanted.key)?;
    Ok(newest.filter(|version| {
        version.object().and_then(|object| object.upload_id.as_ref()) == Some(&wanted.upload_id)
    }))
}

/// Holds what the client says of the whole object against what its parts make up.
fn check(wanted: &Completion, upload: &Upload, assembled: &Assembled) -> Result<(), Error> {
    if wanted.size.is_some_and(|size| size != assembled.size) {
        let message = format!(
            "The provided 'x-amz-mp-object-size' header value {} does not match what was computed: {}",
            wanted.size.unwrap_or_default(),
            assembled.size
        );
        return Err(Error::InvalidRequest(message));
    }
    let computed: Option<&StoredChecksum> = assembled.checksum.as_ref();
    if let Some(kind) = &wanted.checksum_type
        && computed.is_some_and(|checksum| checksum.kind.as_str() != kind)
    {
        return Err(Error::InvalidRequest(format!(
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            computed.map_or("", |checksum| checksum.kind.as_str())
        )));
    }
    let Some((algorithm, value)) = &wanted.checksum else { return Ok(()) };
    let expected = upload.checksum_algorithm.unwrap_or(checksums::DEFAULT);
    if *algorithm != expected {
        return Err(checksums::mismatch(expected, *algorithm));
    }
    match computed {
        Some(checksum) if plain(value) == plain(&checksum.value) => Ok(()),
        // Without one of each part there is nothing that could prove it.
        Some(_) | None => Err(Error::BadChecksum { algorithm: *algorithm }),
    }
}

/// Clients send a composite checksum with or without the number of parts.
fn plain(value: &str) -> &str {
    value.split_once('-').map_or(value, |(sum, _)| sum)
}

fn object_of(upload: &Upload, assembled: Assembled) -> Object {
    Object {
        size: assembled.size,
        etag: assembled.etag,
        body: Body::Parts { upload_id: upload.id.clone(), count: assembled.numbers.len() },
        attributes: upload.attributes.clone(),
        tags: upload.tags.clone(),
        checksum: assembled.checksum,
        upload_id: Some(upload.id.clone()),
    }
}
