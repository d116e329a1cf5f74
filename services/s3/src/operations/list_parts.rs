use aws::Ctx;
use s3s::dto::{self, ChecksumAlgorithm, ChecksumType, Initiator, ListPartsInput, ListPartsOutput};
use store::Range;

use super::upload_part::upload;
use crate::access::Question;
use crate::checksums::Fields;
use crate::error::Error;
use crate::records::Part;
use crate::{S3, wire};

pub fn questions(input: &ListPartsInput) -> Vec<Question> {
    let question = Question::object("s3:ListMultipartUploadParts", &input.bucket, &input.key);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// The parts that were uploaded, in order of their numbers.
pub async fn list_parts(s3: &S3, _ctx: &Ctx, input: ListPartsInput) -> Result<ListPartsOutput, Error> {
    let limit = super::page_limit("max-parts", input.max_parts)?;
    let upload = upload(s3, &input.bucket, &input.key, &input.upload_id).await?;
    let marker = u32::try_from(input.part_number_marker.unwrap_or_default()).unwrap_or_default();
    let id = upload.id.clone();
    let page = s3
        .store
        .read(move |tx| {
            let range = Range::prefix(Part::of_upload(&id)).after(Part::key_of(&id, marker));
            tx.scan::<Part>(range, limit)
        })
        .await?;
    let is_truncated = page.next.is_some() && limit > 0;
    let parts = page.into_records();
    let last = parts.last().map_or(marker, |part| part.number);
    Ok(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload.id.clone()),
        part_number_marker: Some(input.part_number_marker.unwrap_or_default()),
        next_part_number_marker: Some(i32::try_from(last).unwrap_or(i32::MAX)),
        max_parts: Some(wire::count(limit)),
        is_truncated: Some(is_truncated),
        parts: Some(parts.iter().map(shown).collect()),
        initiator: Some(Initiator { id: Some(upload.initiator.clone()), display_name: None }),
        owner: upload.attributes.owner.as_ref().map(wire::owner),
        storage_class: Some(dto::StorageClass::from(
            upload.attributes.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned()),
        )),
        checksum_algorithm: upload
            .checksum_algorithm
            .map(|algorithm| ChecksumAlgorithm::from(algorithm.as_str().to_owned())),
        checksum_type: upload
            .checksum_algorithm
            .map(|_| ChecksumType::from(upload.checksum_type.as_str().to_owned())),
        ..Default::default()
    })
}

fn shown(part: &Part) -> dto::Part {
    let mut shown = dto::Part {
        part_number: Some(i32::try_from(part.number).unwrap_or(i32::MAX)),
        e_tag: Some(wire::etag(&part.etag)),
        last_modified: Some(wire::timestamp(part.modified_at)),
        size: Some(wire::signed(part.size)),
        ..Default::default()
    };
    crate::set_checksum_fields!(shown, Fields::of(part.checksum.as_ref()));
    shown
}
