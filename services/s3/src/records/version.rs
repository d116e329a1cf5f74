//! Versions of objects. An object of a bucket without versioning is one version, the null version.

use std::collections::BTreeMap;

use aws::{AccountId, Timestamp};
use blob::Digest;
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

use crate::checksums::StoredChecksum;
use crate::version_id::VersionId;

/// One version of a key.
///
/// Versions of a key are stored newest first, so that the first of them is the current one and listings come
/// in their order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub bucket: String,
    pub key: String,
    /// Grows from version to version of a key; also the sequencer of events.
    pub order: u64,
    pub id: VersionId,
    pub modified_at: Timestamp,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    DeleteMarker,
    Object(Box<Object>),
}

/// The object that a version holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// In bytes.
    pub size: u64,
    /// Without quotes: the MD5 in hex, or that of the parts' MD5s and their number.
    pub etag: String,
    pub body: Body,
    pub attributes: Attributes,
    pub tags: BTreeMap<String, String>,
    pub checksum: Option<StoredChecksum>,
    /// Set for objects that were uploaded in parts; a repeated completion is recognised by it.
    pub upload_id: Option<String>,
}

/// Where the bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// One blob.
    Blob(Digest),
    /// The [`Part`](super::Part) records of an upload, in order of their numbers.
    Parts { upload_id: String, count: usize },
}

/// What the writer says of an object beside its bytes. The same for objects, copies and uploads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attributes {
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    pub expires: Option<Timestamp>,
    pub website_redirect_location: Option<String>,
    /// Names without `x-amz-meta-`, in lower case.
    pub metadata: BTreeMap<String, String>,
    /// `None`: `STANDARD`.
    pub storage_class: Option<String>,
    pub encryption: Encryption,
    /// The account that owns the object.
    pub owner: Option<AccountId>,
}

/// The server-side encryption that was asked for, shown as S3 shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    pub kms_key_id: Option<String>,
    pub bucket_key_enabled: Option<bool>,
}

impl Default for Encryption {
    fn default() -> Self {
        Self { algorithm: "AES256".to_owned(), kms_key_id: None, bucket_key_enabled: None }
    }
}

impl Version {
    /// The index of null versions, by bucket and key.
    pub const NULL: &'static str = "null";
    /// The index of blobs in use, by blob.
    pub const BLOB: &'static str = "blob";

    /// All versions of a key.
    pub fn of_key(bucket: &str, key: &str) -> Key {
        Key::of(bucket).and(key)
    }

    pub fn key_of(bucket: &str, key: &str, order: u64) -> Key {
        Self::of_key(bucket, key).and_u64(u64::MAX - order)
    }

    pub fn object(&self) -> Option<&Object> {
        match &self.content {
            Content::Object(object) => Some(object),
            Content::DeleteMarker => None,
        }
    }

    pub fn is_delete_marker(&self) -> bool {
        matches!(self.content, Content::DeleteMarker)
    }
}

impl Record for Version {
    const KIND: &'static str = "s3/version";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.bucket, &self.key, self.order)
    }

    fn indexes(&self) -> Vec<Index> {
        let mut indexes = Vec::new();
        if self.id.is_null() {
            indexes.push(Index::new(Self::NULL, Self::of_key(&self.bucket, &self.key)));
        }
        if let Some(Object { body: Body::Blob(blob), .. }) = self.object() {
            indexes.push(Index::new(Self::BLOB, Key::of(blob.to_string())));
        }
        indexes
    }
}
