use aws::Ctx;
use s3s::dto::{
    Checksum, ChecksumType, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts,
    ObjectPart, StorageClass,
};

use crate::access::Question;
use crate::checksums::Fields;
use crate::error::Error;
use crate::records::{Body, Part, Version, Versioning};
use crate::{S3, versions, wire};

const KNOWN: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];

pub fn questions(input: &GetObjectAttributesInput) -> Vec<Question> {
    let (bucket, key, id) = (&input.bucket, &input.key, input.version_id.as_deref());
    let read = Question::version("s3:GetObject", "s3:GetObjectVersion", bucket, key, id);
    let attributes =
        Question::version("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes", bucket, key, id);
    vec![read.owned_by(input.expected_bucket_owner.as_ref()), attributes]
}

/// The attributes asked for, and no others.
pub async fn get_object_attributes(
    s3: &S3,
    _ctx: &Ctx,
    input: GetObjectAttributesInput,
) -> Result<GetObjectAttributesOutput, Error> {
    super::refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
    // Clients send them in one header, separated by commas, or in one each.
    let asked: Vec<&str> = input
        .object_attributes
        .iter()
        .flat_map(|attributes| attributes.as_str().split(','))
        .map(str::trim)
        .collect();
    if let Some(unknown) = asked.iter().find(|attribute| !KNOWN.contains(attribute)) {
        return Err(Error::invalid_argument(
            "x-amz-object-attributes",
            unknown,
            "Invalid attribute name specified.",
        ));
    }
    let (versioning, version, parts) = load(s3, &input).await?;
    let Some(object) = version.object() else {
        return Err(Error::internal("a delete marker passed for an object"));
    };
    let wants = |name: &str| asked.contains(&name);
    let mut output = GetObjectAttributesOutput {
        last_modified: Some(wire::timestamp(version.modified_at)),
        version_id: versions::shown_id(&version, versioning),
        ..Default::default()
    };
    output.e_tag = wants("ETag").then(|| wire::etag(&object.etag));
    output.object_size = wants("ObjectSize").then(|| wire::signed(object.size));
    output.storage_class = wants("StorageClass").then(|| {
        StorageClass::from(object.attributes.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned()))
    });
    if let Some(stored) = object.checksum.as_ref().filter(|_| wants("Checksum")) {
        let mut checksum = Checksum {
            checksum_type: Some(ChecksumType::from(stored.kind.as_str().to_owned())),
            ..Default::default()
        };
        crate::set_checksum_fields!(checksum, Fields::of(Some(stored)));
        output.checksum = Some(checksum);
    }
    if wants("ObjectParts") && !parts.is_empty() {
        output.object_parts = Some(shown_parts(&parts, input.part_number_marker, input.max_parts)?);
    }
    Ok(output)
}

async fn load(s3: &S3, input: &GetObjectAttributesInput) -> Result<(Versioning, Version, Vec<Part>), Error> {
    let (bucket, key, version_id) = (input.bucket.clone(), input.key.clone(), input.version_id.clone());
    s3.store
        .read(move |tx| {
            let versioning = versions::bucket(tx, &bucket)?.versioning;
            let version = versions::readable(tx, &bucket, &key, version_id.as_deref(), "GET")?;
            let parts = match version.object().map(|object| &object.body) {
                Some(Body::Parts { upload_id, .. }) => versions::parts(tx, upload_id)?,
                Some(Body::Blob(_)) | None => Vec::new(),
            };
            Ok((versioning, version, parts))
        })
        .await
}

fn shown_parts(
    parts: &[Part],
    marker: Option<i32>,
    max_parts: Option<i32>,
) -> Result<GetObjectAttributesParts, Error> {
    let limit = super::page_limit("max-parts", max_parts)?;
    let marker = marker.unwrap_or_default();
    let after = u32::try_from(marker).unwrap_or_default();
    let rest: Vec<&Part> = parts.iter().filter(|part| part.number > after).collect();
    let page = rest.get(..limit.min(rest.len())).unwrap_or_default();
    let shown = |part: &&Part| {
        let mut shown = ObjectPart {
            part_number: Some(i32::try_from(part.number).unwrap_or(i32::MAX)),
            size: Some(wire::signed(part.size)),
            ..Default::default()
        };
        crate::set_checksum_fields!(shown, Fields::of(part.checksum.as_ref()));
        shown
    };
    let last = page.last().map_or(after, |part| part.number);
    Ok(GetObjectAttributesParts {
        total_parts_count: Some(wire::count(parts.len())),
        part_number_marker: Some(marker),
        next_part_number_marker: Some(i32::try_from(last).unwrap_or(i32::MAX)),
        max_parts: Some(wire::count(limit)),
        is_truncated: Some(page.len() < rest.len()),
        parts: Some(page.iter().map(shown).collect()),
    })
}
