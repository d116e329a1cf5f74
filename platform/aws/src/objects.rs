//! S3 as other services of the platform use it: in process, as a principal, authorised and audited.

use std::collections::BTreeMap;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use crate::ctx::Ctx;
use crate::error::Error;
use crate::timestamp::Timestamp;

pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>> + Send>>;

/// Implemented by `s3` with the handlers that serve the wire. Errors carry S3's codes
/// (`NoSuchBucket`, `NoSuchKey`, `AccessDenied` …).
#[async_trait]
pub trait Objects: Send + Sync {
    async fn get_object(&self, ctx: &Ctx, object: &ObjectId) -> Result<(ObjectHead, ByteStream), Error>;
    async fn head_object(&self, ctx: &Ctx, object: &ObjectId) -> Result<ObjectHead, Error>;
    /// Durable when it returns.
    async fn put_object(&self, ctx: &Ctx, put: PutObject) -> Result<ObjectHead, Error>;
    /// Deletes the object, or in a versioned bucket hides it behind a delete marker. One that is not there is no error.
    async fn delete_object(&self, _ctx: &Ctx, _object: &ObjectId) -> Result<(), Error> {
        Err(Error::new("NotImplemented", "DeleteObject is not built here.").with_status(501))
    }
    /// One page of keys in UTF-8 byte order, at most 1,000.
    async fn list_objects(&self, ctx: &Ctx, list: &ListObjects) -> Result<ObjectPage, Error>;
    async fn bucket_versioning(&self, ctx: &Ctx, bucket: &str) -> Result<bool, Error>;
    /// The bucket's region.
    async fn bucket_location(&self, ctx: &Ctx, bucket: &str) -> Result<String, Error>;
    /// The text of the bucket's policy; `None` if it has none. Errors: `NoSuchBucket`, `AccessDenied`; `NotImplemented` where
    /// there are no policies.
    async fn bucket_policy(&self, _ctx: &Ctx, _bucket: &str) -> Result<Option<String>, Error> {
        Err(Error::not_implemented("S3", "GetBucketPolicy"))
    }
    /// Whether the policies let the caller read the bucket's ACL and put objects with this canned ACL under a key:
    /// what services that deliver files ask before they begin. Errors: `NoSuchBucket`, `AccessDenied`; `NotImplemented`
    /// where there are no policies.
    async fn admits_delivery(&self, _ctx: &Ctx, _bucket: &str, _key: &str, _acl: &str) -> Result<(), Error> {
        Err(Error::not_implemented("S3", "Delivery of files"))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectId {
    pub bucket: String,
    pub key: String,
    pub version_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectHead {
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    pub version_id: Option<String>,
    pub last_modified: Timestamp,
    pub content_type: Option<String>,
    /// User metadata without its `x-amz-meta-` prefix.
    pub metadata: BTreeMap<String, String>,
}

pub struct PutObject {
    pub bucket: String,
    pub key: String,
    pub body: ByteStream,
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub content_encoding: Option<String>,
    /// A canned ACL's name.
    pub acl: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// `aws:kms` with its key id, kept and shown as S3 does.
    pub kms_key_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListObjects {
    pub bucket: String,
    pub prefix: String,
    /// Keys after this one.
    pub start_after: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPage {
    pub objects: Vec<(String, ObjectHead)>,
    pub is_truncated: bool,
}

impl ObjectId {
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), key: key.into(), version_id: None }
    }
}

impl PutObject {
    pub fn new(bucket: impl Into<String>, key: impl Into<String>, body: ByteStream) -> Self {
        Self {
            bucket: bucket.into(),
            key: key.into(),
            body,
            content_type: None,
            cache_control: None,
            content_encoding: None,
            acl: None,
            metadata: BTreeMap::new(),
            kms_key_id: None,
        }
    }
}

/// A stream of bytes that are there at once.
pub fn once(bytes: impl Into<Bytes>) -> ByteStream {
    let bytes = bytes.into();
    Box::pin(futures_util::stream::once(std::future::ready(Ok(bytes))))
}
