use aws::Ctx;
use s3s::dto::{self, ListObjectVersionsInput, ListObjectVersionsOutput};

use super::list_objects_v2::common_prefixes;
use crate::access::Question;
use crate::error::Error;
use crate::listing::{self, Last, Listing, Start};
use crate::records::Version;
use crate::{S3, versions, wire};

pub fn questions(input: &ListObjectVersionsInput) -> Vec<Question> {
    let question = Question::bucket("s3:ListBucketVersions", &input.bucket)
        .when("s3:prefix", input.prefix.as_ref())
        .when("s3:delimiter", input.delimiter.as_ref())
        .when("s3:max-keys", input.max_keys);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// All versions and delete markers, in order of their keys, of a key the newest first.
pub async fn list_object_versions(
    s3: &S3,
    _ctx: &Ctx,
    input: ListObjectVersionsInput,
) -> Result<ListObjectVersionsOutput, Error> {
    let encoding = input.encoding_type.as_ref();
    wire::check_encoding(encoding)?;
    let limit = super::page_limit("maxKeys", input.max_keys)?;
    let page = read(s3, &input, limit).await?;
    let next = page.items.last().filter(|_| page.is_truncated);
    let (next_key, next_version) = match (&page.last, next) {
        (Some(Last::Item(key)), Some((version, _))) => (Some(key.clone()), Some(version.id.to_string())),
        (Some(Last::CommonPrefix(prefix)), _) if page.is_truncated => (Some(prefix.clone()), None),
        _ => (None, None),
    };
    let listed = |text: &String| wire::listed(text, encoding);
    let objects = page.items.iter().filter(|(version, _)| !version.is_delete_marker());
    let markers = page.items.iter().filter(|(version, _)| version.is_delete_marker());
    Ok(ListObjectVersionsOutput {
        name: Some(input.bucket.clone()),
        prefix: Some(wire::listed(&page.prefix, encoding)),
        delimiter: page.delimiter.as_ref().map(listed),
        key_marker: Some(input.key_marker.as_ref().map(listed).unwrap_or_default()),
        version_id_marker: Some(input.version_id_marker.clone().unwrap_or_default()),
        next_key_marker: next_key.as_ref().map(listed),
        next_version_id_marker: next_version,
        max_keys: Some(wire::count(limit)),
        is_truncated: Some(page.is_truncated),
        common_prefixes: Some(common_prefixes(&page.common_prefixes, encoding)),
        versions: Some(objects.map(|(version, latest)| shown(version, *latest, encoding)).collect()),
        delete_markers: Some(markers.map(|(version, latest)| marker(version, *latest, encoding)).collect()),
        encoding_type: input.encoding_type.clone(),
        request_charged: None,
    })
}

async fn read(
    s3: &S3,
    input: &ListObjectVersionsInput,
    limit: usize,
) -> Result<Listing<(Version, bool)>, Error> {
    let bucket = input.bucket.clone();
    let empty = Listing::new(input.prefix.clone(), input.delimiter.clone(), limit);
    let key_marker = input.key_marker.clone().filter(|marker| !marker.is_empty());
    let version_marker = input.version_id_marker.clone().filter(|marker| !marker.is_empty());
    if version_marker.is_some() && key_marker.is_none() {
        return Err(Error::invalid_argument(
            "version-id-marker",
            version_marker.unwrap_or_default(),
            "A version-id marker cannot be specified without a key marker.",
        ));
    }
    s3.store
        .read(move |tx| {
            versions::bucket(tx, &bucket)?;
            let start = match (&key_marker, &version_marker) {
                (Some(key), Some(id)) => match versions::order_of(tx, &bucket, key, id)? {
                    Some(order) => Start::AfterVersion { key: key.clone(), order },
                    None => Start::AfterKey(key.clone()),
                },
                (marker, _) => empty.after_marker(marker.clone()),
            };
            let mut page = empty.clone();
            listing::versions(tx, &bucket, &mut page, &start)?;
            Ok(page)
        })
        .await
}

fn shown(version: &Version, is_latest: bool, encoding: Option<&dto::EncodingType>) -> dto::ObjectVersion {
    let mut shown = dto::ObjectVersion {
        key: Some(wire::listed(&version.key, encoding)),
        version_id: Some(version.id.to_string()),
        is_latest: Some(is_latest),
        last_modified: Some(wire::timestamp(version.modified_at)),
        ..Default::default()
    };
    if let Some(object) = version.object() {
        let class = object.attributes.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned());
        shown.e_tag = Some(wire::etag(&object.etag));
        shown.size = Some(wire::signed(object.size));
        shown.storage_class = Some(dto::ObjectVersionStorageClass::from(class));
        shown.owner = object.attributes.owner.as_ref().map(wire::owner);
        if let Some(checksum) = &object.checksum {
            shown.checksum_algorithm =
                Some(vec![dto::ChecksumAlgorithm::from(checksum.algorithm.as_str().to_owned())]);
            shown.checksum_type = Some(dto::ChecksumType::from(checksum.kind.as_str().to_owned()));
        }
    }
    shown
}

fn marker(
    version: &Version,
    is_latest: bool,
    encoding: Option<&dto::EncodingType>,
) -> dto::DeleteMarkerEntry {
    dto::DeleteMarkerEntry {
        key: Some(wire::listed(&version.key, encoding)),
        version_id: Some(version.id.to_string()),
        is_latest: Some(is_latest),
        last_modified: Some(wire::timestamp(version.modified_at)),
        owner: None,
    }
}
