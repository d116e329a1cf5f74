//! The settings of a bucket that are kept as documents, and what follows from them.

use s3s::dto::{OwnershipControls, PublicAccessBlockConfiguration, ServerSideEncryptionConfiguration};
use s3s::xml;

use crate::error::Error;
use crate::records::{Bucket, Encryption, Setting};

pub const BUCKET_OWNER_ENFORCED: &str = "BucketOwnerEnforced";
/// Who may own objects that others write.
pub const OWNERSHIPS: [&str; 3] = [BUCKET_OWNER_ENFORCED, "BucketOwnerPreferred", "ObjectWriter"];

/// The XML document of a setting, to be kept.
pub fn write<T: xml::Serialize>(document: &T) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let mut serializer = xml::Serializer::new(&mut bytes);
    document.serialize(&mut serializer).map_err(Error::internal)?;
    String::from_utf8(bytes).map_err(Error::internal)
}

/// A kept document, as the API shows it.
pub fn read<T: for<'xml> xml::Deserialize<'xml>>(document: &str) -> Result<T, Error> {
    let mut deserializer = xml::Deserializer::new(document.as_bytes());
    T::deserialize(&mut deserializer).map_err(|error| Error::internal(format!("a kept setting: {error}")))
}

/// The document of a setting, `None` where it was never set.
pub fn of<T: for<'xml> xml::Deserialize<'xml>>(
    bucket: &Bucket,
    setting: Setting,
) -> Result<Option<T>, Error> {
    bucket.settings.get(&setting).map(|document| read(document)).transpose()
}

/// The encryption of objects whose writer names none.
pub fn default_encryption(document: Option<&String>) -> Encryption {
    let configuration: Option<ServerSideEncryptionConfiguration> =
        document.and_then(|document| read(document).ok());
    let rule = configuration.and_then(|configuration| configuration.rules.into_iter().next());
    let Some(rule) = rule else { return Encryption::default() };
    let Some(default) = rule.apply_server_side_encryption_by_default else { return Encryption::default() };
    Encryption {
        algorithm: default.sse_algorithm.as_str().to_owned(),
        kms_key_id: default.kms_master_key_id,
        bucket_key_enabled: rule.bucket_key_enabled,
    }
}

/// Who owns objects that others write; without the setting, the bucket's owner owns everything.
pub fn ownership(bucket: &Bucket) -> String {
    let controls: Option<OwnershipControls> = of(bucket, Setting::OwnershipControls).ok().flatten();
    controls
        .and_then(|controls| controls.rules.into_iter().next())
        .map_or_else(|| BUCKET_OWNER_ENFORCED.to_owned(), |rule| rule.object_ownership.as_str().to_owned())
}

/// What of public access is blocked. A new bucket blocks all of it; a deleted setting nothing.
pub fn public_access_block(bucket: &Bucket) -> PublicAccessBlockConfiguration {
    of(bucket, Setting::PublicAccessBlock).ok().flatten().unwrap_or_default()
}

/// The public access block of a new bucket.
pub fn block_everything() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration {
        block_public_acls: Some(true),
        ignore_public_acls: Some(true),
        block_public_policy: Some(true),
        restrict_public_buckets: Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_go_both_ways() {
        let document = write(&block_everything()).unwrap();
        assert_eq!(read::<PublicAccessBlockConfiguration>(&document).unwrap(), block_everything());
        assert!(read::<PublicAccessBlockConfiguration>("<nonsense").is_err());
    }

    #[test]
    fn the_default_encryption_is_that_of_the_first_rule() {
        assert_eq!(default_encryption(None), Encryption::default());
        let document = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
                        <SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>key</KMSMasterKeyID>\
                        </ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
        let encryption = default_encryption(Some(&document.to_owned()));
        assert_eq!(encryption.algorithm, "aws:kms");
        assert_eq!(encryption.kms_key_id.as_deref(), Some("key"));
    }
}
