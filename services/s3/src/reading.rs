//! What GetObject and HeadObject share: finding the version, the conditions, the range and the headers.

use std::ops::Range;

use s3s::dto;

use crate::conditions::ReadConditions;
use crate::content::{self, Piece};
use crate::error::Error;
use crate::records::{Body, Object, Part, Version, Versioning};
use crate::{S3, versions};

/// What a reader names.
pub struct Wanted {
    pub bucket: String,
    pub key: String,
    pub version_id: Option<String>,
    pub range: Option<dto::Range>,
    pub part_number: Option<i32>,
    pub conditions: ReadConditions,
    /// `GET` or `HEAD`.
    pub method: &'static str,
}

/// A version that may be read, and which of its bytes.
pub struct Found {
    pub versioning: Versioning,
    pub version: Version,
    pub object: Object,
    /// In order; of one blob, or of each part.
    blobs: Vec<(blob::Digest, u64)>,
    pub range: Range<u64>,
    /// Set where only a part of the object was asked for: `bytes 0-4/10`.
    pub content_range: Option<String>,
    /// Set where a part was asked for by its number.
    pub parts_count: Option<i32>,
}

impl Found {
    pub fn length(&self) -> u64 {
        self.range.end - self.range.start
    }

    pub fn pieces(&self) -> Vec<Piece> {
        content::pieces(self.blobs.iter().copied(), self.range.clone())
    }
}

/// Finds a version and checks the conditions of reading it.
/// Errors: `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`, `MethodNotAllowed`, `PreconditionFailed`, `NotModified`,
/// `InvalidRange`, `InvalidPartNumber`, `InvalidRequest`.
pub async fn find(s3: &S3, wanted: Wanted) -> Result<Found, Error> {
    let (versioning, version, parts) = load(s3, &wanted).await?;
    let Some(object) = version.object().cloned() else {
        return Err(Error::internal("a delete marker passed for an object"));
    };
    wanted.conditions.check(&object.etag, version.modified_at)?;
    let blobs: Vec<(blob::Digest, u64)> = match &object.body {
        Body::Blob(blob) => vec![(*blob, object.size)],
        Body::Parts { .. } => parts.iter().map(|part| (part.blob, part.size)).collect(),
    };
    let mut found = Found {
        versioning,
        range: 0..object.size,
        version,
        object,
        blobs,
        content_range: None,
        parts_count: None,
    };
    match (&wanted.range, wanted.part_number) {
        (None, None) => {}
        (Some(_), Some(_)) => {
            let message = "Cannot specify both Range header and partNumber query parameter";
            return Err(Error::InvalidRequest(message.to_owned()));
        }
        (Some(range), None) => {
            let size = found.object.size;
            let unsatisfiable = || Error::InvalidRange { requested: range.to_header_string(), size };
            found.range = range.check(size).map_err(|_| unsatisfiable())?;
            found.content_range = content_range(&found.range, size);
        }
        (None, Some(number)) => {
            found.range = part_range(&parts, &found.object, number)?;
            found.content_range = content_range(&found.range, found.object.size);
            found.parts_count = match &found.object.body {
                Body::Parts { count, .. } => Some(crate::wire::count(*count)),
                Body::Blob(_) => None,
            };
        }
    }
    Ok(found)
}

async fn load(s3: &S3, wanted: &Wanted) -> Result<(Versioning, Version, Vec<Part>), Error> {
    let (bucket, key, version_id) = (wanted.bucket.clone(), wanted.key.clone(), wanted.version_id.clone());
    let method = wanted.method;
    s3.store
        .read(move |tx| {
            let versioning = versions::bucket(tx, &bucket)?.versioning;
            let version = versions::readable(tx, &bucket, &key, version_id.as_deref(), method)?;
            let parts = match version.object().map(|object| &object.body) {
                Some(Body::Parts { upload_id, .. }) => versions::parts(tx, upload_id)?,
                Some(Body::Blob(_)) | None => Vec::new(),
            };
            Ok((versioning, version, parts))
        })
        .await
}

/// `None` for a range of nothing, which has no form.
fn content_range(range: &Range<u64>, size: u64) -> Option<String> {
    let last = range.end.checked_sub(1)?;
    (range.start <= last).then(|| format!("bytes {}-{last}/{size}", range.start))
}

/// The bytes of the part of a number; a plain object is its own first part.
fn part_range(parts: &[Part], object: &Object, number: i32) -> Result<Range<u64>, Error> {
    let count = parts.len().max(1);
    let wrong = || Error::InvalidPartNumber { requested: number, parts: count };
    if !(1..=crate::multipart::HIGHEST_PART_NUMBER).contains(&number) {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        return Err(Error::invalid_argument("partNumber", number, message));
    }
    let position = usize::try_from(number - 1).map_err(|_| wrong())?;
    match &object.body {
        Body::Blob(_) if position == 0 => Ok(0..object.size),
        Body::Blob(_) => Err(wrong()),
        Body::Parts { .. } => {
            let part = parts.get(position).ok_or_else(wrong)?;
            let begin: u64 = parts.iter().take(position).map(|part| part.size).sum();
            Ok(begin..begin + part.size)
        }
    }
}

/// Sets the members that describe an object in the outputs of GetObject and HeadObject.
#[macro_export]
#[doc(hidden)]
macro_rules! describe {
    ($output:expr, $found:expr, $checksum_mode:expr) => {{
        let found = $found;
        let attributes = &found.object.attributes;
        $output.accept_ranges = Some("bytes".to_owned());
        $output.content_length = Some($crate::wire::signed(found.length()));
        $output.content_range = found.content_range.clone();
        $output.parts_count = found.parts_count;
        $output.e_tag = Some($crate::wire::etag(&found.object.etag));
        $output.last_modified = Some($crate::wire::timestamp(found.version.modified_at));
        $output.version_id = $crate::versions::shown_id(&found.version, found.versioning);
        $output.content_type =
            Some(attributes.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned()));
        $output.cache_control = attributes.cache_control.clone();
        $output.content_disposition = attributes.content_disposition.clone();
        $output.content_encoding = attributes.content_encoding.clone();
        $output.content_language = attributes.content_language.clone();
        $output.expires = attributes.expires.map($crate::wire::timestamp);
        $output.website_redirect_location = attributes.website_redirect_location.clone();
        $output.metadata = Some(attributes.metadata.clone().into_iter().collect());
        $output.storage_class = attributes.storage_class.clone().map(::s3s::dto::StorageClass::from);
        $crate::show_encryption!($output, &attributes.encryption);
        // A checksum is of the whole object: with a part of it the client could not compare it.
        if $checksum_mode && found.content_range.is_none() {
            $output.checksum_type = found
                .object
                .checksum
                .as_ref()
                .map(|checksum| ::s3s::dto::ChecksumType::from(checksum.kind.as_str().to_owned()));
            $crate::set_checksum_fields!(
                $output,
                $crate::checksums::Fields::of(found.object.checksum.as_ref())
            );
        }
    }};
}

/// Sets the members that show the encryption.
#[macro_export]
#[doc(hidden)]
macro_rules! show_encryption {
    ($output:expr, $encryption:expr) => {{
        let encryption = $encryption;
        $output.server_side_encryption =
            Some(::s3s::dto::ServerSideEncryption::from(encryption.algorithm.clone()));
        $output.ssekms_key_id = encryption.kms_key_id.clone();
        $output.bucket_key_enabled = encryption.bucket_key_enabled;
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_counts_from_zero_and_includes_the_last_byte() {
        assert_eq!(content_range(&(0..5), 10).as_deref(), Some("bytes 0-4/10"));
        assert_eq!(content_range(&(0..0), 0), None);
    }
}
