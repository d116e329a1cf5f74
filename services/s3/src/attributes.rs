//! What a writer says of an object beside its bytes, checked.

use std::collections::BTreeMap;

use s3s::dto::{self, ObjectCannedACL, ServerSideEncryption};

use crate::error::Error;
use crate::records::{Attributes, Bucket, Encryption, Setting};
use crate::settings;

/// In bytes, names and values of user metadata together.
pub const LARGEST_METADATA: usize = 2048;
/// S3's limit of tags of an object.
pub const MOST_TAGS: usize = 10;

const STORAGE_CLASSES: [&str; 8] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
];

/// The members that PutObject, CopyObject and CreateMultipartUpload share.
pub struct Requested {
    pub attributes: Attributes,
    pub encryption: Option<ServerSideEncryption>,
    pub kms_key_id: Option<String>,
    pub bucket_key_enabled: Option<bool>,
    pub encrypts_with_customer_key: bool,
    pub acl: Option<ObjectCannedACL>,
    pub has_grants: bool,
    pub asks_for_lock: bool,
}

/// Takes the shared members of an input.
#[macro_export]
#[doc(hidden)]
macro_rules! requested_attributes {
    ($input:expr) => {
        $crate::attributes::Requested {
            attributes: $crate::records::Attributes {
                content_type: $input.content_type.take(),
                cache_control: $input.cache_control.take(),
                content_disposition: $input.content_disposition.take(),
                content_encoding: $input.content_encoding.take(),
                content_language: $input.content_language.take(),
                expires: $input.expires.as_ref().map($crate::wire::from_timestamp),
                website_redirect_location: $input.website_redirect_location.take(),
                metadata: $input.metadata.take().unwrap_or_default().into_iter().collect(),
                storage_class: $input.storage_class.as_ref().map(|class| class.as_str().to_owned()),
                encryption: $crate::records::Encryption::default(),
                owner: None,
            },
            encryption: $input.server_side_encryption.take(),
            kms_key_id: $input.ssekms_key_id.take(),
            bucket_key_enabled: $input.bucket_key_enabled,
            encrypts_with_customer_key: $input.sse_customer_algorithm.is_some()
                || $input.sse_customer_key.is_some(),
            acl: $input.acl.take(),
            has_grants: $input.grant_full_control.is_some()
                || $input.grant_read.is_some()
                || $input.grant_read_acp.is_some()
                || $input.grant_write_acp.is_some(),
            asks_for_lock: $input.object_lock_mode.is_some()
                || $input.object_lock_legal_hold_status.is_some()
                || $input.object_lock_retain_until_date.is_some(),
        }
    };
}

impl Requested {
    /// Checks the members and fills in the bucket's defaults.
    pub fn resolve(self, bucket: &Bucket) -> Result<Attributes, Error> {
        if self.encrypts_with_customer_key {
            let message = "Server-side encryption with customer-provided keys (SSE-C) is not implemented.";
            return Err(Error::NotImplemented(message.to_owned()));
        }
        if self.asks_for_lock {
            return Err(Error::InvalidRequest("Bucket is missing Object Lock Configuration".to_owned()));
        }
        check_acl(self.acl.as_ref().map(ObjectCannedACL::as_str), self.has_grants, bucket)?;
        let mut attributes = self.attributes;
        check_metadata(&attributes.metadata)?;
        check_storage_class(attributes.storage_class.as_deref())?;
        attributes.storage_class = attributes.storage_class.filter(|class| class != "STANDARD");
        attributes.content_encoding = attributes.content_encoding.as_deref().and_then(without_chunking);
        attributes.metadata =
            attributes.metadata.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
        attributes.encryption =
            encryption(self.encryption.as_ref(), self.kms_key_id, self.bucket_key_enabled, bucket)?;
        attributes.owner = Some(bucket.scope.account.clone());
        Ok(attributes)
    }
}

/// The headers of `tagging` (`a=1&b=2`). Errors: `InvalidArgument`, `InvalidTag`.
pub fn parse_tags(header: &str) -> Result<BTreeMap<String, String>, Error> {
    let pairs = form_urlencoded::parse(header.as_bytes());
    tags(pairs.map(|(key, value)| (key.into_owned(), value.into_owned())), MOST_TAGS)
}

/// Checks the tags of an object or a bucket. Errors: `InvalidTag`, `BadRequest`'s wording for too many.
pub fn tags(
    pairs: impl Iterator<Item = (String, String)>,
    most: usize,
) -> Result<BTreeMap<String, String>, Error> {
    let mut tags = BTreeMap::new();
    for (key, value) in pairs {
        let length = key.chars().count();
        if length == 0 || length > 128 || !key.chars().all(is_tag_character) {
            return Err(Error::InvalidTag("The TagKey you have provided is invalid".to_owned()));
        }
        if value.chars().count() > 256 || !value.chars().all(is_tag_character) {
            return Err(Error::InvalidTag("The TagValue you have provided is invalid".to_owned()));
        }
        if tags.insert(key, value).is_some() {
            return Err(Error::InvalidTag("Cannot provide multiple Tags with the same key".to_owned()));
        }
    }
    if tags.len() > most {
        let what = if most == MOST_TAGS { "Object" } else { "Bucket" };
        return Err(Error::InvalidTag(format!("{what} tags cannot be greater than {most}")));
    }
    Ok(tags)
}

pub fn tag_set(tags: &BTreeMap<String, String>) -> Vec<dto::Tag> {
    tags.iter().map(|(key, value)| dto::Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

/// Where the bucket's owner owns everything, S3 takes only the ACLs that say the same. Where not, an ACL would
/// have to be obeyed: that is not built, and said so.
pub fn check_acl(canned: Option<&str>, has_grants: bool, bucket: &Bucket) -> Result<(), Error> {
    let harmless = !has_grants && matches!(canned, None | Some("private" | "bucket-owner-full-control"));
    if harmless {
        return Ok(());
    }
    if settings::ownership(bucket) == settings::BUCKET_OWNER_ENFORCED {
        return Err(Error::AclNotSupported);
    }
    Err(Error::NotImplemented("ACLs that grant access are not implemented; use a bucket policy.".to_owned()))
}

fn is_tag_character(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c)
}

fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), Error> {
    let size = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > LARGEST_METADATA { Err(Error::MetadataTooLarge { size }) } else { Ok(()) }
}

fn check_storage_class(class: Option<&str>) -> Result<(), Error> {
    match class {
        Some(class) if !STORAGE_CLASSES.contains(&class) => Err(Error::invalid_argument(
            "x-amz-storage-class",
            class,
            "The storage class you specified is not valid",
        )),
        Some(_) | None => Ok(()),
    }
}

/// `aws-chunked` says how the body travelled, not what the object is.
fn without_chunking(encoding: &str) -> Option<String> {
    let kept: Vec<&str> = encoding
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty() && *part != "aws-chunked")
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

fn encryption(
    asked: Option<&ServerSideEncryption>,
    kms_key_id: Option<String>,
    bucket_key_enabled: Option<bool>,
    bucket: &Bucket,
) -> Result<Encryption, Error> {
    let Some(algorithm) = asked.map(ServerSideEncryption::as_str) else {
        if let Some(id) = kms_key_id {
            return Err(Error::invalid_argument(
                "x-amz-server-side-encryption",
                id,
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
            ));
        }
        return Ok(settings::default_encryption(bucket.settings.get(&Setting::Encryption)));
    };
    match algorithm {
        "AES256" if kms_key_id.is_some() => Err(Error::invalid_argument(
            "x-amz-server-side-encryption",
            algorithm,
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
        )),
        "AES256" => Ok(Encryption::default()),
        "aws:kms" | "aws:kms:dsse" => {
            Ok(Encryption { algorithm: algorithm.to_owned(), kms_key_id, bucket_key_enabled })
        }
        _ => Err(Error::invalid_argument(
            "x-amz-server-side-encryption",
            algorithm,
            "The encryption method specified is not supported",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_as_a_form() {
        let tags = parse_tags("team=build%20tools&stage=prod").unwrap();
        assert_eq!(tags.get("team").map(String::as_str), Some("build tools"));
        assert_eq!(parse_tags("a=1&a=2").unwrap_err().code(), "InvalidTag");
        assert_eq!(parse_tags("=1").unwrap_err().code(), "InvalidTag");
        assert_eq!(parse_tags("a=%7B").unwrap_err().code(), "InvalidTag");
        let eleven: Vec<String> = (0..11).map(|n| format!("k{n}=v")).collect();
        assert_eq!(
            parse_tags(&eleven.join("&")).unwrap_err().to_string(),
            "Object tags cannot be greater than 10"
        );
    }

    #[test]
    fn the_chunking_of_the_upload_is_not_kept() {
        assert_eq!(without_chunking("aws-chunked"), None);
        assert_eq!(without_chunking("aws-chunked,gzip"), Some("gzip".to_owned()));
        assert_eq!(without_chunking("gzip"), Some("gzip".to_owned()));
    }

    #[test]
    fn metadata_is_bounded() {
        let metadata = BTreeMap::from([("a".to_owned(), "x".repeat(2047))]);
        assert!(check_metadata(&metadata).is_ok());
        let metadata = BTreeMap::from([("ab".to_owned(), "x".repeat(2047))]);
        assert_eq!(check_metadata(&metadata).unwrap_err().code(), "MetadataTooLarge");
    }
}
