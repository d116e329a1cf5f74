//! Multipart uploads in progress, and parts. The parts of a completed upload are the body of its object.

use std::collections::BTreeMap;

use aws::Timestamp;
use blob::Digest;
use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};

use super::version::Attributes;
use crate::checksums::{Algorithm, ChecksumType, StoredChecksum};

/// An upload that was neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    pub bucket: String,
    pub key: String,
    /// Sorts by the time of initiation.
    pub id: String,
    pub initiated_at: Timestamp,
    /// ARN and display name of who initiated it.
    pub initiator: String,
    pub attributes: Attributes,
    pub tags: BTreeMap<String, String>,
    /// `None`: the client named none, and CRC64NVME is computed as S3 does.
    pub checksum_algorithm: Option<Algorithm>,
    pub checksum_type: ChecksumType,
}

/// One uploaded part. Uploading a number again replaces it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    pub upload_id: String,
    /// 1 to 10,000.
    pub number: u32,
    pub blob: Digest,
    /// In bytes.
    pub size: u64,
    /// The MD5 in hex.
    pub etag: String,
    pub checksum: Option<StoredChecksum>,
    pub modified_at: Timestamp,
}

impl Upload {
    pub fn key_of(bucket: &str, key: &str, id: &str) -> Key {
        Key::of(bucket).and(key).and(id)
    }
}

impl Record for Upload {
    const KIND: &'static str = "s3/upload";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.bucket, &self.key, &self.id)
    }
}

impl Part {
    /// The index of blobs in use, by blob.
    pub const BLOB: &'static str = "blob";

    pub fn of_upload(upload_id: &str) -> Key {
        Key::of(upload_id)
    }

    pub fn key_of(upload_id: &str, number: u32) -> Key {
        Self::of_upload(upload_id).and_u64(u64::from(number))
    }
}

impl Record for Part {
    const KIND: &'static str = "s3/part";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.upload_id, self.number)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new(Self::BLOB, Key::of(self.blob.to_string()))]
    }
}
