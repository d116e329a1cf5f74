use aws::Ctx;
use s3s::dto::{self, Initiator, ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload};

use super::list_objects_v2::common_prefixes;
use crate::access::Question;
use crate::error::Error;
use crate::listing::{self, Last, Listing, Start};
use crate::records::Upload;
use crate::{S3, versions, wire};

pub fn questions(input: &ListMultipartUploadsInput) -> Vec<Question> {
    let question = Question::bucket("s3:ListBucketMultipartUploads", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// The uploads in progress, in order of their keys, of a key the oldest first.
pub async fn list_multipart_uploads(
    s3: &S3,
    _ctx: &Ctx,
    input: ListMultipartUploadsInput,
) -> Result<ListMultipartUploadsOutput, Error> {
    let encoding = input.encoding_type.as_ref();
    wire::check_encoding(encoding)?;
    let limit = super::page_limit("max-uploads", input.max_uploads)?;
    let page = read(s3, &input, limit).await?;
    let (next_key, next_upload) = match (&page.last, page.items.last()) {
        (Some(Last::Item(key)), Some(upload)) => (Some(key.clone()), Some(upload.id.clone())),
        (Some(Last::CommonPrefix(prefix)), _) => (Some(prefix.clone()), None),
        _ => (None, None),
    };
    let listed = |text: &String| wire::listed(text, encoding);
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket.clone()),
        prefix: Some(wire::listed(&page.prefix, encoding)),
        delimiter: page.delimiter.as_ref().map(listed),
        key_marker: Some(input.key_marker.as_ref().map(listed).unwrap_or_default()),
        upload_id_marker: Some(input.upload_id_marker.clone().unwrap_or_default()),
        next_key_marker: next_key.as_ref().filter(|_| page.is_truncated).map(listed),
        next_upload_id_marker: next_upload.filter(|_| page.is_truncated),
        max_uploads: Some(wire::count(limit)),
        is_truncated: Some(page.is_truncated),
        common_prefixes: Some(common_prefixes(&page.common_prefixes, encoding)),
        uploads: Some(page.items.iter().map(|upload| shown(upload, encoding)).collect()),
        encoding_type: input.encoding_type.clone(),
        request_charged: None,
    })
}

async fn read(s3: &S3, input: &ListMultipartUploadsInput, limit: usize) -> Result<Listing<Upload>, Error> {
    let bucket = input.bucket.clone();
    let empty = Listing::new(input.prefix.clone(), input.delimiter.clone(), limit);
    let key = input.key_marker.clone().filter(|marker| !marker.is_empty());
    // Without a key marker, the upload marker is ignored.
    let start = match (key, input.upload_id_marker.clone().filter(|marker| !marker.is_empty())) {
        (Some(key), Some(upload_id)) => Start::AfterUpload { key, upload_id },
        (key, _) => empty.after_marker(key),
    };
    s3.store
        .read(move |tx| {
            versions::bucket(tx, &bucket)?;
            let mut page = empty.clone();
            listing::uploads(tx, &bucket, &mut page, &start)?;
            Ok(page)
        })
        .await
}

fn shown(upload: &Upload, encoding: Option<&dto::EncodingType>) -> MultipartUpload {
    let class = upload.attributes.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned());
    MultipartUpload {
        key: Some(wire::listed(&upload.key, encoding)),
        upload_id: Some(upload.id.clone()),
        initiated: Some(wire::timestamp(upload.initiated_at)),
        initiator: Some(Initiator { id: Some(upload.initiator.clone()), display_name: None }),
        owner: upload.attributes.owner.as_ref().map(wire::owner),
        storage_class: Some(dto::StorageClass::from(class)),
        checksum_algorithm: upload
            .checksum_algorithm
            .map(|algorithm| dto::ChecksumAlgorithm::from(algorithm.as_str().to_owned())),
        checksum_type: upload
            .checksum_algorithm
            .map(|_| dto::ChecksumType::from(upload.checksum_type.as_str().to_owned())),
    }
}
